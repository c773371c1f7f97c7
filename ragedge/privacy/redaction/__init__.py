"""Personal data in text: found by pattern and check digit, and replaced."""
