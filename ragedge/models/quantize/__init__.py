"""Makes an installed generator smaller: its weights in fewer bits, chosen by what the user's own texts do to them."""
