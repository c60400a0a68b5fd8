"""PostgreSQL as the store: the same functions, on a server that several machines reach."""
