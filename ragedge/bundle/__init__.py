"""One signed file of models, rows and settings: packed, verified, installed, undone."""
