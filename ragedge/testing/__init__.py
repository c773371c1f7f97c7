"""Contract suites that every plugin must pass, and fakes that pass them. Nothing shipped imports this.

One suite per plugin kind, in ``<kind>_contract.py``: subclass it in a test file, set ``plugin`` to the name
that the package registers, and run pytest. The suites need pytest, which ragedge does not install.
"""
