"""A question to ranked chunks."""
