"""Sentences and numbers as people read them; knows no Discord."""
