"""Contract suites that every plugin must pass, and fakes that pass them. Nothing shipped imports this."""
