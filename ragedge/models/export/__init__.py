"""Writes an installed model in the form that a chip maker's own compiler takes. None of those compilers is run here."""
