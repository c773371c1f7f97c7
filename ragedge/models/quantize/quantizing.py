"""Makes a smaller model of an installed generator and installs it beside its source."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from msgspec.structs import replace

from ragedge.errors import ModelError, UnsupportedModelError
from ragedge.models import store
from ragedge.models.compile.block_quant import CodedBlocks
from ragedge.models.compile.decoder_weights import DATA_NAME
from ragedge.models.progress import Progress, silent
from ragedge.models.publish import publish, workshop
from ragedge.models.quantize.activations import batches, input_moments, inputs_seen, token_windows
from ragedge.models.quantize.four_bit_blocks import four_bit_blocks
from ragedge.models.quantize.gptq import gptq
from ragedge.models.quantize.graph import Coded, InstalledGraph, Matrix, Split
from ragedge.models.quantize.grids import plain_grid, rounded, searched_grid
from ragedge.models.quantize.prompt_graph import PROMPT_NAME, write_prompt_graph
from ragedge.models.quantize.smoothing import left_in_blocks, smoothed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.models.store import ModelFolder

    Float32 = NDArray[np.float32]

Scheme = Literal["round4", "search4", "gptq4", "mixed4", "exact4", "smooth8"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
GROUPS = (16, 32, 64)
WINDOW, MOST_WINDOWS = 256, 16
_MOMENT_BYTES = 400_000_000
_ROWS_SEEN = 128  # of an input, to compare factors on
_SPARE = 0.026  # of the source: what offsets, alignment and unlike zero points take beyond the count of codes
_WORDS: Mapping[Scheme, str] = {
    "round4": "4-bit, rounded to nearest",
    "search4": "4-bit, ranges searched",
    "gptq4": "4-bit by GPTQ",
    "mixed4": "4-bit by GPTQ, the most sensitive matrices in 8",
    "exact4": "4-bit, the source's own blocks with their offsets",
    "smooth8": "prompts with activations in 8 bits (SmoothQuant)",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made smaller.

    Attributes:
        scheme: ``round4`` rounds to nearest; ``search4`` searches each block's range by what its inputs weigh;
            ``gptq4`` also makes up in later columns for the error of earlier ones; ``mixed4`` leaves the matrices that
            suffer most in 8 bits; ``exact4`` keeps the 4-bit blocks that the source file had, offsets included.
            ``smooth8`` makes nothing smaller: it adds a second graph that reads prompts faster.
        group: Columns that share a scale; ``exact4`` has the file's 32, and ``smooth8`` none.
        head: Of the output matrix, which the embedding shares where the two are tied: ``8`` leaves it as it is, ``4``
            rounds it, ``split`` leaves as many of its first rows as they are as ``share`` has room for.
        share: Of the source's weight file at most, for ``mixed4`` and for a split head.
    """

    scheme: Scheme
    group: int = 32
    head: Literal["8", "4", "split"] = "8"
    share: float = 0.6

    @property
    def wants_texts(self) -> bool:
        """Whether it looks at what texts do to the model."""
        return self.scheme not in ("round4", "exact4") or (self.scheme == "exact4" and self.head != "8")

    @property
    def words(self) -> str:
        """Say it in the manifest."""
        if self.scheme == "smooth8":
            return _WORDS[self.scheme]
        head = {"8": "", "4": ", output too", "split": ", output in 8 bits and 4"}[self.head]
        return f"{_WORDS[self.scheme]} in blocks of {self.group}{head}"


def quantize(
    name: str,
    recipe: Recipe,
    texts: Sequence[str],
    *,
    called: str | None = None,
    threads: int,
    force: bool = False,
    progress: Progress = silent,
) -> ModelFolder:
    """Make and install a smaller model.

    Args:
        name: An installed generator.
        recipe: How.
        texts: Passages of the user's own; nothing of them is kept. 4,096 tokens are read at most.
        called: The new model's name; ``NAME-SCHEME`` if not given.
        threads: For reading the texts.
        force: Replace an installed model of that name.
        progress: Told each stage.

    Raises:
        ModelNotFoundError: the source is not installed.
        UnsupportedModelError: it is no generator compiled from GGUF, or has no 4-bit blocks to keep.
        ModelError: there are no texts where the scheme needs some, or the name is taken.
    """
    folder = store.find(name)
    target = called or f"{name}-{recipe.scheme}"
    if folder.manifest.decoder is None:
        raise UnsupportedModelError(
            f"{name} is an embedder: quantize takes generators", hint="ragedge models list"
        )
    if PROMPT_NAME in folder.manifest.files:
        raise UnsupportedModelError(
            f"model {name} has a second graph, made of the first",
            hint="quantize the model that it was made of",
        )
    if recipe.wants_texts and not any(text.strip() for text in texts):
        raise ModelError(
            f"{recipe.scheme} needs texts of yours to see what rounding does to them",
            hint="give --kb DIR, whose passages are taken, or --texts FILE",
        )
    if recipe.group not in GROUPS or (recipe.scheme in ("exact4", "smooth8") and recipe.group != 32):
        raise ModelError(f"{recipe.scheme} does not take blocks of {recipe.group}", hint="--group 32")
    if recipe.scheme == "smooth8" and recipe.head != "8":
        raise ModelError("smooth8 leaves the output matrix as it is", hint="--head 8")
    room = folder.size_bytes * (2 if recipe.scheme == "smooth8" else 1)
    with workshop(_usable(target), room, made_by="quantize", force=force, other_name="--force") as built:
        _build(folder, recipe, texts, built, threads, progress)
        manifest = folder.manifest
        return publish(
            built,
            store.folder_of(target),
            kind="generator",
            architecture=manifest.architecture,
            licence=manifest.licence,
            quantization=f"{recipe.words}, from {manifest.quantization}",
            source=replace(manifest.source, carrier=f"model {name} ({manifest.source.carrier})"),
            decoder=manifest.decoder,
        )


def _usable(name: str) -> str:
    try:
        return store.check_name(name)
    except ValueError as exc:
        raise ModelError(str(exc), hint="give one with --name") from exc


def _build(
    folder: ModelFolder, recipe: Recipe, texts: Sequence[str], out: Path, threads: int, progress: Progress
) -> None:
    graph = InstalledGraph(folder.path)
    for path in folder.path.iterdir():
        if path.name in folder.manifest.files and (
            recipe.scheme == "smooth8" or not path.name.startswith("model.onnx")
        ):
            shutil.copyfile(path, out / path.name)
    if recipe.scheme == "smooth8":
        _add_prompt_graph(graph, folder, texts, out, threads, progress)
        return
    coded = code_matrices(graph, folder, recipe, texts, threads=threads, progress=progress)
    progress("writing", 0, None)
    graph.write(out, coded)


def _add_prompt_graph(
    graph: InstalledGraph,
    folder: ModelFolder,
    texts: Sequence[str],
    out: Path,
    threads: int,
    progress: Progress,
) -> None:
    """Write the graph that reads prompts beside the one that is there."""
    facts = folder.manifest.decoder
    assert facts is not None
    layers = [one for one in graph.matrices if not _is_head(one)]  # the head takes one row of a prompt
    windows = token_windows(folder.path, facts, texts, window=WINDOW, most=MOST_WINDOWS)
    readers: dict[str, list[Matrix]] = {}
    for one in layers:
        readers.setdefault(one.input, []).append(one)
    factors: dict[str, Float32] = {}
    errors: dict[str, float] = {}
    widths = [(name, ones[0].columns) for name, ones in readers.items()]
    for names in batches(widths, _MOMENT_BYTES):
        progress("reading the texts", len(errors), len(layers))
        seen = inputs_seen(folder.path, facts, windows, names, rows=_ROWS_SEEN, threads=threads)
        for name, found in seen.items():
            progress("smoothing", len(errors), len(layers))
            chosen = smoothed(found.rows, found.peaks, {m.name: graph.weights(m) for m in readers[name]})
            factors[name] = chosen.factors
            errors |= chosen.errors
    progress("writing", 0, None)
    write_prompt_graph(graph, out, factors, left_in_blocks(layers, errors))


def code_matrices(
    graph: InstalledGraph,
    folder: ModelFolder,
    recipe: Recipe,
    texts: Sequence[str],
    *,
    threads: int,
    progress: Progress,
) -> dict[str, Coded | Split]:
    """Return the new codes of every matrix that is not left as it is."""
    facts = folder.manifest.decoder
    assert facts is not None
    chosen = [one for one in graph.matrices if recipe.head != "8" or not _is_head(one)]
    weight_bytes = folder.manifest.files[DATA_NAME].bytes
    odd = next((one for one in chosen if one.columns % recipe.group), None)
    if odd is not None:
        raise UnsupportedModelError(
            f"{odd.columns} columns of {odd.name} do not fill blocks of {recipe.group}", hint="--group 32"
        )
    coded: dict[str, Coded | Split] = {}
    costs: dict[str, float] = {}
    if not recipe.wants_texts:
        for place, matrix in enumerate(chosen):
            progress("rounding", place, len(chosen))
            coded[matrix.name] = _without_texts(graph.weights(matrix), matrix, recipe)
        return coded
    windows = token_windows(folder.path, facts, texts, window=WINDOW, most=MOST_WINDOWS)
    if recipe.scheme == "exact4":
        for matrix in (one for one in chosen if not _is_head(one)):
            progress("rounding", len(coded), len(chosen))
            coded[matrix.name] = _kept(graph.weights(matrix), matrix)
    widths = {one.input: one.columns for one in chosen if one.name not in coded}
    for names in batches(list(widths.items()), _MOMENT_BYTES):
        progress("reading the texts", len(coded), len(chosen))
        moments = input_moments(folder.path, facts, windows, names, threads=threads)
        for matrix in (one for one in chosen if one.input in moments):
            progress("rounding", len(coded), len(chosen))
            weights, seen = graph.weights(matrix), moments[matrix.input]
            new = _with_texts(weights, seen, matrix, recipe)
            coded[matrix.name] = new
            costs[matrix.name] = output_error(weights, new.blocks.dequantize(), seen)
    if recipe.scheme == "mixed4":
        for matrix in kept_in_eight(chosen, costs, weight_bytes, recipe):
            del coded[matrix.name]
    if recipe.head == "split":
        head = next(one for one in chosen if _is_head(one))
        narrow = coded.pop(head.name, None)
        if isinstance(narrow, Coded):
            split = split_rows(graph, head, narrow, coded, weight_bytes, recipe)
            if split is not None:
                coded[head.name] = split
    return coded


def split_rows(
    graph: InstalledGraph,
    head: Matrix,
    new: Coded,
    coded: Mapping[str, Coded | Split],
    source_bytes: int,
    recipe: Recipe,
) -> Coded | Split | None:
    """Return the head with as many first rows as stored as there is room for; None where all of it fits."""
    bytes_of = {
        one.name: _bytes(one, one.bits, one.block) - _bytes(one, 4, recipe.group) for one in graph.matrices
    }
    others = source_bytes - sum(
        saved for name, saved in bytes_of.items() if name in coded or name == head.name
    )
    room = recipe.share * source_bytes - others - _SPARE * source_bytes
    count = int(room // (bytes_of[head.name] / head.rows)) // 64 * 64
    if count >= head.rows:
        return None
    if count <= 0:
        return new
    rest = CodedBlocks(new.blocks.codes[count:], new.blocks.scales[count:], new.blocks.zero_points[count:])
    return Split(graph.first_rows(head, count), Coded(rest, new.bits))


def _kept(weights: Float32, matrix: Matrix) -> Coded:
    found = four_bit_blocks(weights, matrix.name)
    return Coded(found.blocks, 4, found.offsets)


def _without_texts(weights: Float32, matrix: Matrix, recipe: Recipe) -> Coded:
    if recipe.scheme == "exact4":
        return _kept(weights, matrix)
    return Coded(rounded(weights, plain_grid(weights, recipe.group, 4)), 4)


def _with_texts(weights: Float32, moments: Float32, matrix: Matrix, recipe: Recipe) -> Coded:
    grid = searched_grid(weights, recipe.group, 4, np.diag(moments).copy())
    # A row of a tied matrix is an embedding as well: only the nearest code is right for both.
    if recipe.scheme == "search4" or matrix.tied:
        return Coded(rounded(weights, grid), 4)
    return Coded(gptq(weights, grid, moments), 4)


def output_error(weights: Float32, coded: Float32, moments: Float32) -> float:
    """Return how much of a matrix's output is error, as a share of its power, on the texts that were read."""
    wrong = weights - coded
    power = float(((weights @ moments) * weights).sum())
    return float(((wrong @ moments) * wrong).sum()) / max(power, 1e-30)


def kept_in_eight(
    matrices: Sequence[Matrix], costs: Mapping[str, float], source_bytes: int, recipe: Recipe
) -> list[Matrix]:
    """Return the matrices to leave in 8 bits: those with most error for their size, while bytes last.

    Args:
        matrices: All that were rounded.
        costs: Their ``output_error``.
        source_bytes: Of the source's weights.
        recipe: Its ``share`` is the limit.
    """
    saved = {one.name: _bytes(one, one.bits, one.block) - _bytes(one, 4, recipe.group) for one in matrices}
    left = recipe.share * source_bytes - (source_bytes - sum(saved.values()))
    kept = []
    for one in sorted(matrices, key=lambda one: costs[one.name] / max(saved[one.name], 1), reverse=True):
        if saved[one.name] <= left:
            left -= saved[one.name]
            kept.append(one)
    return kept


def _bytes(matrix: Matrix, bits: int, block: int) -> int:
    """Of codes, scales and zero points; the sums' columns of ``exact4`` are among what is spared."""
    blocks = matrix.rows * matrix.columns // block
    return matrix.rows * matrix.columns * bits // 8 + 4 * blocks + blocks * bits // 8


def _is_head(matrix: Matrix) -> bool:
    return matrix.name == "logits"
