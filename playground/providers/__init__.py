"""The four providers on loopback, each held to its document: for tests and for trying them."""
