"""Draws the preview clips of the local provider."""
