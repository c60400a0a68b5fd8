"""Asking for a clip: quote, rules, consent, admission."""
