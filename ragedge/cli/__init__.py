"""The command line: one file per command group, one error handler."""
