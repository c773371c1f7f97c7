"""A small line of bundles: real rows, a real (random) encoder of 64 dimensions, a key."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import pytest

import ragedge
from ragedge.bundle import packing, signing
from ragedge.models.importer import import_model

_PATH = Path(__file__).resolve().parents[1] / "models" / "tiny_bert.py"
_SPEC = importlib.util.spec_from_file_location("tiny_bert_of_bundles", _PATH)
tiny_bert = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tiny_bert)

SETTINGS = '[embed]\nmodel = "tiny"\n[generate]\ngenerator = "none"\ncalibrate = false\n'
MANUAL = "# Pump\n\nThe drain plug takes a torque of {torque} N·m.\n\nLet the housing cool for 20 minutes.\n"


@dataclass(frozen=True)
class Line:
    """Of bundles: their maker's home, knowledge base and key, and releases 1 and 2."""

    home: Path
    kb: Path
    private: Path
    public: Path
    first: Path
    second: Path

    def trusted(self):
        return [signing.read_public(self.public)]

    def pack(self, target, version, name="pump", **options):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RAGEDGE_HOME", str(self.home))
            with ragedge.open(self.kb) as kb:
                key = signing.read_private(self.private)
                return packing.create(kb, target, name=name, version=version, key=key, **options)


@pytest.fixture(scope="session")
def line(tmp_path_factory):
    work = tmp_path_factory.mktemp("line")
    made = Line(
        work / "home", work / "kb", work / "maker.key", work / "maker.key.pub", work / "1", work / "2"
    )
    signing.make_key(made.private)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGEDGE_HOME", str(made.home))
        import_model(tiny_bert.write_folder(work / "tiny"), name="tiny", licence="MIT")
        made.kb.mkdir()
        (made.kb / "ragedge.toml").write_text(SETTINGS)
        manual = work / "pump.md"
        for version, torque in ((1, 35), (2, 36)):
            manual.write_text(MANUAL.format(torque=torque), encoding="utf-8")
            with ragedge.open(made.kb, create=True) as kb:
                kb.ingest(manual)
            made.pack(made.first if version == 1 else made.second, version)
    return made
