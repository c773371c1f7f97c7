"""A pytest plugin for CI: a test that skips because a part is missing is a failure.

Load it with ``-p scripts.fail_on_skip`` from the checkout. What cannot be installed by the checkout itself is
allowed to skip, and no more: see ``ALLOWED``.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pluggy import Result

ALLOWED = re.compile(
    r"evaluation data"  # read-only data that may stand beside the checkout
    r"|runs as root"  # root reads what permissions forbid
    r"|on (Windows|macOS|Linux)"  # another platform's behaviour
    r"|Python 3\.\d+"  # wheels that exist for other versions only
    r"|needs a namespace"  # an empty network namespace needs rights that a container may lack
)


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not ALLOWED.search(reason):
        report.outcome = "failed"
        report.longrepr = f"a skip that CI does not allow: {reason}"


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, Result[pytest.TestReport], None]:
    """Turn a test's skip into a failure."""
    _refuse((yield).get_result())


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, Result[pytest.CollectReport], None]:
    """Turn a whole file's skip into a failure."""
    _refuse((yield).get_result())
