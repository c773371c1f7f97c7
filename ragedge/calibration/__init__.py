"""Fits the threshold of abstaining to the user's own documents, with questions made from them."""
