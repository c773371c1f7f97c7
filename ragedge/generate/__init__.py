"""Chunks to a prompt, tokens, and a grounded answer."""
