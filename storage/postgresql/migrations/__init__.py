"""Numbered SQL, the pair of SQLite's of the same number; never edited once released."""
