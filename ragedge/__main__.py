"""``python -m ragedge``: the same as the ``ragedge`` command."""

from ragedge.cli.main import main

main()
