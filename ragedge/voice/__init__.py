"""Hears a question and speaks the answer while it is still being written."""
