"""Fits the search to a corpus and its questions, on the device; what it finds stays in the knowledge base."""
