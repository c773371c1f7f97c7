"""Writes what a maker's compiler takes: weights, a calibration set of the user's texts, a tokenizer, and the command.

The commands follow the makers' documents; none was run by this project, and each file that is written says so.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ragedge.errors import ModelError, UnsupportedModelError
from ragedge.models.export.hugging_face import write_folder

if TYPE_CHECKING:
    from ragedge.models.store import ModelFolder

Vendor = Literal["axera", "hailo", "nxp", "rockchip"]
NOT_RUN = "Written by ragedge after the maker's documents. Not run: no compiler and no board of this maker was at hand."
_LENGTH = 128  # tokens of an embedder's graph


@dataclass(frozen=True, slots=True)
class _Form:
    """What one maker's compiler takes.

    Attributes:
        kind: Of model.
        chip: The usual target.
        source: Where the command stands.
        script: The file with the command, and its text; braces are filled with ``chip`` and ``name``.
    """

    kind: Literal["embedder", "generator"]
    chip: str
    source: str
    script: tuple[str, str]


FORMS: Mapping[Vendor, _Form] = {
    "axera": _Form(
        "generator", "AX650", "pulsar2-docs.readthedocs.io, appendix on building LLMs",
        ("compile.sh",
         "pulsar2 llm_build --input_path weights --output_path {name}-{chip} --kv_cache_len 1023 \\\n"
         "    --hidden_state_type bf16 --prefill_len 128 --chip {chip}\n"),
    ),
    "rockchip": _Form(
        "generator", "rk3588", "github.com/airockchip/rknn-llm, rkllm-toolkit/examples",
        ("compile.py",
         "from rkllm.api import RKLLM\n\n"
         "llm = RKLLM()\n"
         'if llm.load_huggingface(model="weights") != 0:\n'
         '    raise SystemExit("the weights could not be loaded")\n'
         "done = llm.build(\n"
         '    do_quantization=True, optimization_level=1, quantized_dtype="w8a8", quantized_algorithm="normal",\n'
         '    target_platform="{chip}", num_npu_core=3, dataset="calibration.json",\n'
         ")\n"
         'if done != 0 or llm.export_rkllm("{name}-{chip}.rkllm") != 0:\n'
         '    raise SystemExit("the model could not be built")\n'),
    ),
    "hailo": _Form(
        "embedder", "hailo10h", "Hailo Dataflow Compiler User Guide",
        ("compile.sh",
         "hailo parser onnx encoder_128.onnx --net-name {name} --hw-arch {chip} --har-path {name}.har -y\n"
         "hailo optimize {name}.har --hw-arch {chip} --calib-set-path calibration.npz "
         "--output-har-path {name}_optimized.har\n"
         "hailo compiler {name}_optimized.har --hw-arch {chip}\n"),
    ),
    "nxp": _Form(
        "embedder", "imx95", "eiq.nxp.com, Neutron Converter",
        ("compile.sh",
         "# The converter takes TensorFlow Lite of whole 8-bit numbers: make {name}.tflite of encoder_128.onnx and\n"
         "# calibration.npz with the model tool of the eIQ Toolkit first.\n"
         "neutron-converter --input {name}.tflite --output {name}-{chip}.tflite --target {chip}\n"),
    ),
}  # fmt: skip


def export(
    folder: ModelFolder,
    vendor: Vendor,
    texts: Sequence[str],
    out: Path,
    *,
    chip: str | None = None,
    threads: int,
) -> list[str]:
    """Write a folder for a maker's compiler; it appears whole or not at all.

    Args:
        folder: An installed model: a generator for ``axera`` and ``rockchip``, an embedder for ``hailo`` and ``nxp``.
        vendor: Whose compiler.
        texts: Passages of the user's own. They are written into the calibration set as they are.
        out: Must not exist.
        chip: The target, as the compiler names it.
        threads: For making an embedder's graph.

    Returns:
        The files' names.

    Raises:
        UnsupportedModelError: the maker's compiler takes no such model.
        ModelError: there are no texts, or the folder exists.
    """
    form, name = FORMS[vendor], folder.manifest.name
    if folder.manifest.kind != form.kind:
        raise UnsupportedModelError(
            f"{name} is a model of kind {folder.manifest.kind!r}; what {vendor}'s public compiler takes of it is "
            f"{form.kind}s",
            hint="ragedge models list",
        )
    if not any(text.strip() for text in texts):
        raise ModelError("a calibration set needs texts of yours", hint="give --kb DIR or --texts FILE")
    if out.exists():
        raise ModelError(f"{out} exists already", hint="name a folder that does not")
    staging = out.with_name(f".{out.name}.making")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        _WRITERS[form.kind](folder, texts, staging, threads)
        file, text = form.script
        body = text.format(name=name, chip=chip or form.chip)
        (staging / file).write_text(f"# {NOT_RUN}\n# Source: {form.source}\n{body}", "utf-8")
        about = {
            "schema": 1, "model": name, "fingerprint": folder.manifest.fingerprint, "licence": folder.manifest.licence,
            "for": vendor, "chip": chip or form.chip, "command": file, "source": form.source, "run": False,
            "note": NOT_RUN,
        }  # fmt: skip
        (staging / "export.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")
        staging.replace(out)
    except OSError as exc:
        raise ModelError(
            f"{out} cannot be written: {exc.strerror or exc}", hint="choose another --out"
        ) from exc
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def _generator(folder: ModelFolder, texts: Sequence[str], out: Path, threads: int) -> None:
    """Weights, and pairs of a prompt in the model's own template and how the passage goes on."""
    from ragedge.datatypes import Message
    from ragedge.models.chat_template import ChatTemplate

    (out / "weights").mkdir()
    write_folder(folder, out / "weights")
    template = ChatTemplate((folder.path / "chat_template.jinja").read_text("utf-8"))
    pairs = []
    for text in (text.strip() for text in texts if text.strip()):
        words = text.split(" ")
        begun, rest = " ".join(words[: len(words) // 2]) or text, " ".join(words[len(words) // 2 :])
        pairs.append({"input": template.render([Message("user", begun)]), "target": rest})
    (out / "calibration.json").write_text(json.dumps(pairs, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _embedder(folder: ModelFolder, texts: Sequence[str], out: Path, threads: int) -> None:
    """A graph of one fixed length in floats, and its inputs for each text."""
    from tokenizers import Tokenizer

    from ragedge.models.compile.static import build

    facts = folder.manifest.encoder
    assert facts is not None
    [(graph, length, _)] = build.encoder(
        folder, "float", [], (_LENGTH,), out / "weights.data", threads=threads
    )
    (out / graph).replace(out / f"encoder_{_LENGTH}.onnx")
    tokenizer = Tokenizer.from_file(str(folder.path / "tokenizer.json"))
    feeds = []
    for text in texts:
        ids = tokenizer.encode(facts.passage_prefix + text).ids
        feeds.append(build.encoder_feed(ids if len(ids) <= length else [*ids[: length - 1], ids[-1]], length))
    np.savez_compressed(
        out / "calibration.npz",
        input_ids=np.concatenate([feed["input_ids"] for feed in feeds]),
        mask=np.concatenate([feed["mask"] for feed in feeds]),
    )
    shutil.copyfile(folder.path / "tokenizer.json", out / "tokenizer.json")


_WRITERS: Mapping[str, Callable[[ModelFolder, Sequence[str], Path, int], None]] = {
    "generator": _generator,
    "embedder": _embedder,
}
