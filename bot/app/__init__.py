"""Puts the product together, and what an operator types."""
