"""Makes a model of a folder or file that is already here: a sentence-transformers folder, or a GGUF."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from ragedge.errors import ModelError, UnsupportedModelError
from ragedge.models import store, verify
from ragedge.models.catalog import Kind
from ragedge.models.manifest import DecoderFacts, EncoderFacts, SourceRecord
from ragedge.models.progress import Progress, silent
from ragedge.models.publish import publish, workshop
from ragedge.models.store import ModelFolder

SUPPORTED = (
    "a folder with config.json, model.safetensors and tokenizer.json (bert, roberta, xlm-roberta, camembert, "
    "distilbert), or a .gguf file"
)
_GGUF_MAGIC = b"GGUF"
_SIZE_FACTOR = 3  # 4-bit weights grow to 8 bits, and the graph is written once more than it is kept


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a compilation adds to a manifest; one of the two facts is there, for a speech model none."""

    architecture: str
    quantization: str
    encoder: EncoderFacts | None = None
    decoder: DecoderFacts | None = None
    licence: str = ""


def import_model(
    path: Path,
    *,
    name: str | None = None,
    kind: Kind | None = None,
    licence: str = "",
    scheme: str = "int8",
    query_prefix: str | None = None,
    passage_prefix: str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> ModelFolder:
    """Compile a model that is already on this device and install it.

    Args:
        path: A sentence-transformers or Hugging Face folder, or a GGUF file.
        name: What to call it; from the path if not given.
        kind: Told apart by the path's content if not given.
        licence: For the manifest; what the file states, else ``unknown``, if not given.
        scheme: For an encoder: ``int8`` (fast) or ``nbits8`` (close to float, half as fast).
        query_prefix: Put before a question, over what the folder says.
        passage_prefix: Put before a passage, over what the folder says.
        force: Replace an installed model of that name.
        progress: Told each stage and how far it is.

    Raises:
        UnsupportedModelError: it is not a model that is compiled; says what is.
        ModelIntegrityError: a file is truncated or damaged.
        ModelError: a model of that name is installed already, or the name is not usable.
    """
    found = _kind_of(path)
    if kind is not None and kind != found:
        raise UnsupportedModelError(
            f"{path} would be imported as {found}, not as {kind}; {kind}s are {_FORMS[kind]}",
            hint=f"leave --kind out, or name {_FORMS[kind]}",
        )
    chosen = _name_for(path, name)
    size = sum(one.stat().st_size for one in _weight_files(path))
    needed = size * _SIZE_FACTOR
    with workshop(chosen, needed, made_by="import", force=force, other_name="choose another --name") as built:
        compiled = compile_source(path, built, kind=found, scheme=scheme, progress=progress)
        prefixes = {"query_prefix": query_prefix, "passage_prefix": passage_prefix}
        given = {key: value for key, value in prefixes.items() if value is not None}
        encoder = compiled.encoder and replace(compiled.encoder, **given)
        progress("checking", 0, None)
        return publish(
            built,
            store.folder_of(chosen),
            kind=found,
            architecture=compiled.architecture,
            licence=licence or compiled.licence or "unknown",
            quantization=compiled.quantization,
            source=SourceRecord(
                carrier=f"{'folder' if path.is_dir() else 'file'} {path.name}",
                weights_sha256=verify.record_of(_weight_files(path)[0]).sha256,
                url="",
            ),
            encoder=encoder,
            decoder=compiled.decoder,
        )


_FORMS: dict[Kind, str] = {
    "embedder": "folders with config.json, model.safetensors and tokenizer.json",
    "generator": ".gguf files",
}


def compile_source(
    path: Path, out: Path, *, kind: Kind, scheme: str = "int8", progress: Progress = silent
) -> Compiled:
    """Compile a folder (embedder) or a GGUF file (generator) into an empty folder.

    Raises:
        UnsupportedModelError: an architecture, layout or tensor type that is not compiled; says what is.
        ModelIntegrityError: a file is truncated or damaged.
    """
    progress("compiling", 0, None)
    if kind == "embedder":
        from ragedge.models.compile.encoder import compile_encoder
        from ragedge.models.compile.encoder_graph import SCHEMES

        if scheme not in SCHEMES:
            raise UnsupportedModelError(
                f"scheme {scheme!r} is not one an encoder is compiled to; schemes: {', '.join(SCHEMES)}",
                hint="leave it out for int8",
            )
        done = compile_encoder(path, out, scheme=scheme)  # type: ignore[arg-type]  # checked above
        return Compiled(done.architecture, done.quantization, encoder=done.facts)
    from ragedge.models.compile.gguf_decoder import compile_gguf

    made = compile_gguf(path, out, progress=lambda done, total: progress("compiling", done, total))
    return Compiled(made.architecture, made.quantization, decoder=made.facts, licence=made.licence)


def _kind_of(path: Path) -> Kind:
    """Tell by content: a folder is an encoder's, a file must begin as GGUF does."""
    if path.is_dir():
        return "embedder"
    try:
        with path.open("rb") as file:
            magic = file.read(len(_GGUF_MAGIC))
    except OSError as exc:
        raise UnsupportedModelError(
            f"{path} cannot be read: {exc.strerror or exc}", hint=f"name {SUPPORTED}"
        ) from exc
    if magic != _GGUF_MAGIC:
        raise UnsupportedModelError(
            f"{path} is not a GGUF file; supported: {SUPPORTED}", hint="check the path"
        )
    return "generator"


def _weight_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    weights = path / "model.safetensors"
    if not weights.is_file():
        raise UnsupportedModelError(
            f"{path} holds no model.safetensors; supported: {SUPPORTED}",
            hint="save the weights as one safetensors file",
        )
    return [weights]


def _name_for(path: Path, name: str | None) -> str:
    """Return the name that was given, else one made of the path's last part."""
    if name is None:
        last = path.resolve().name.lower().removesuffix(".gguf")
        name = re.sub(r"[^a-z0-9._-]+", "-", last).strip("-._")[:64]
    try:
        return store.check_name(name)
    except ValueError as exc:
        raise ModelError(str(exc), hint="give one with --name") from exc
