"""The providers on loopback, each held to its document: for tests and for trying them."""

from ._server import Wish

__all__ = ["Wish"]
