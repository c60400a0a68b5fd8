"""Numbered SQL, one file a schema version, never edited once released."""
