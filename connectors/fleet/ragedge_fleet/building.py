"""Builds lines on a Dask cluster: a task opens one knowledge base and takes its documents in."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragedge.errors import ConfigError, RagedgeError
from ragedge_fleet.plan import Line

if TYPE_CHECKING:
    from distributed import Client

Report = dict[str, Any]

# Nothing of a task goes to the disk or to a web page; these are Dask's own keys.
_PRIVATE = {
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.diagnostics.nvml": False,
    # Without a dashboard the schedulers of Dask still serve pages on the state of tasks.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.large-graph-warning-threshold": "1GB",
}


def build_fleet(
    lines: Sequence[Line],
    out: Path,
    *,
    workers: int = 0,
    scheduler: str | None = None,
    done: Callable[[Report], None] | None = None,
) -> list[Report]:
    """Build a knowledge base for each line, side by side.

    Args:
        lines: What to build.
        out: The folder of the knowledge bases; on a cluster the workers must see it under the same path.
        workers: Processes on this machine; 0 takes one for each core.
        scheduler: Address of a cluster to use instead.
        done: Called with each report as it comes.

    Returns:
        For each line, in order, ``line``, ``path``, and ``ingest`` (as ``ragedge ingest --json`` prints it) or
        ``error``.

    Raises:
        ConfigError: two lines have one name, or the scheduler cannot be reached.
    """
    names = [line.name for line in lines]
    if len(set(names)) != len(names):
        raise ConfigError("two lines have the same name", hint="name each line once")
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    from distributed import as_completed

    with _client(scheduler, workers or os.cpu_count() or 1) as client:
        # pure=False: the same line asked for again is looked at again, its files may have changed.
        tasks = {
            client.submit(_build, line.name, line.paths, line.metadata, line.settings, str(out / line.name),
                          pure=False): line.name
            for line in lines
        }  # fmt: skip
        reports: dict[str, Report] = {}
        for task in as_completed(tasks):
            name = tasks[task]
            try:
                report = task.result()
            except Exception as exc:  # a worker died; the others go on
                report = _failed(
                    name, str(out / name), type(exc).__name__, "the worker that built it was lost", ""
                )
            reports[name] = report
            if done is not None:
                done(report)
    return [reports[name] for name in names]


def _build(
    name: str, paths: Sequence[str], metadata: Mapping[str, Any], settings: Mapping[str, Any], path: str
) -> Report:
    """Build one knowledge base; runs on a worker, which gets paths and gives counts."""
    import ragedge

    try:
        with ragedge.open(path, create=True, settings=dict(settings)) as kb:
            report = kb.ingest(*paths, metadata=dict(metadata))
    except RagedgeError as exc:
        return _failed(name, path, type(exc).__name__, exc.message, exc.hint)
    return {"line": name, "path": path, "ingest": report.as_dict()}


def _failed(name: str, path: str, kind: str, message: str, hint: str) -> Report:
    return {"line": name, "path": path, "error": {"type": kind, "message": message, "hint": hint}}


@contextmanager
def _client(scheduler: str | None, workers: int) -> Iterator[Client]:
    """Lend a client of the cluster, or of one of this machine alone that ends with it.

    Raises:
        ConfigError: the scheduler cannot be reached.
    """
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set(_PRIVATE):
        if scheduler is not None:
            try:
                client = Client(scheduler, timeout=10)
            except (OSError, ValueError) as exc:
                raise ConfigError(
                    f"no scheduler answers at {scheduler}", hint="start one with: dask scheduler"
                ) from exc
            with client:
                yield client
            return
        with (
            # Dask keeps lock files of its workers there.
            tempfile.TemporaryDirectory(prefix="ragedge-fleet-") as scratch,
            LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", protocol="tcp://",
                dashboard_address=None, worker_dashboard_address=None, local_directory=scratch, silence_logs=50,
            ) as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            yield client
