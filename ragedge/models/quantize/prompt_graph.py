"""Writes a decoder's second graph, which reads prompts: activations and weights both in 8 bits (SmoothQuant W8A8).

``MatMulNBits`` multiplies blocks of 32 by themselves and adds them up in floats. With one scale for a whole row of the
input and one for a whole row of the weights, the products are sums of bytes from end to end, for which processors have
instructions. A row's scale is its own greatest value, found as it is read, so that what is computed for a token does
not hang on what is read beside it. Matrices that suffer from so coarse a scale keep their blocks.

Inputs and outputs are those of the first graph, key-value buffers included: one can go on where the other ended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ragedge.models.compile.decoder_weights import WeightsFile
from ragedge.models.quantize.graph import InstalledGraph, Matrix, replace_node

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

    Float32 = NDArray[np.float32]

PROMPT_NAME, PROMPT_DATA_NAME = "prompt.onnx", "prompt.onnx.data"
TOP = 127
_MIDDLE = 128  # unsigned activations about it: the fast kernels multiply unsigned bytes by signed ones
_BOUNDS = {"least": 1e-9, "top": TOP}  # a row of noughts has a scale all the same
_NORMS = {
    "SimplifiedLayerNormalization": 1,
    "SkipSimplifiedLayerNormalization": 2,
}  # which input is the weight


def rounded_rows(weights: Float32) -> tuple[NDArray[np.int8], Float32]:
    """Round each row of weights (n, k) to 255 even steps about nought.

    Returns:
        codes: (n, k) int8 in [-127, 127].
        scales: (n,) float32.
    """
    peak = np.abs(weights).max(axis=1)
    scales = np.asarray(np.where(peak > 0, peak, 1) / TOP, np.float32)
    return np.rint(weights / scales[:, None]).astype(np.int8), scales


def write_prompt_graph(
    graph: InstalledGraph, out: Path, smoothing: Mapping[str, Float32], left: Collection[str] = ()
) -> None:
    """Write ``prompt.onnx`` and its data beside the graph that it is made of.

    Args:
        graph: Read from.
        out: Where ``model.onnx.data`` of it lies or will lie: what stays as it is is read from there.
        smoothing: For each value that is multiplied, by name: (k,), what its columns are divided by. Matrices of values
            that are not named keep their blocks.
        left: Matrices, by name, that do so too.
    """
    model = graph.copy()
    with WeightsFile(out, PROMPT_DATA_NAME) as weights:
        writer = _Writer(graph, model, weights, smoothing)
        for matrix in graph.matrices:
            if matrix.input in smoothing and matrix.name not in left:
                writer.put(matrix)
        weights.finish()
        used = {name for node in model.graph.node for name in node.input}
        kept = [one for one in model.graph.initializer if one.name in used]
        del model.graph.initializer[:]
        model.graph.initializer.extend([*kept, *weights.initializers])
    (out / PROMPT_NAME).write_bytes(model.SerializeToString())


class _Writer:
    """Changes one graph, matrix by matrix."""

    def __init__(
        self, graph: InstalledGraph, model: ModelProto, weights: WeightsFile, smoothing: Mapping[str, Float32]
    ) -> None:
        self._graph, self._weights, self._smoothing = graph, weights, smoothing
        self._nodes, self._constants = model.graph.node, model.graph.initializer
        self._ready: set[str] = set()  # inputs that were rounded for another matrix

    def put(self, matrix: Matrix) -> None:
        """Put a product of bytes in the place of one of blocks; where it is split afterwards, one for each part."""
        floats = self._graph.weights(matrix) * self._smoothing[matrix.input]
        node = next(one for one in self._nodes if one.output[0] == matrix.name)
        bias = node.input[5] if len(node.input) > 5 else ""
        made = [] if matrix.input in self._ready else self._rounded(matrix.input)
        self._ready.add(matrix.input)
        readers = [one for one in self._nodes if matrix.name in one.input]
        split = readers[0] if len(readers) == 1 and readers[0].op_type == "Split" and not bias else None
        outputs = [matrix.name] if split is None else list(split.output)
        widths = [matrix.rows] if split is None else self._graph.array(split.input[1]).tolist()
        first = 0
        for output, width in zip(outputs, widths, strict=True):
            made += self._product(matrix.input, output, floats[first : first + width], bias)
            first += width
        replace_node(self._nodes, matrix.name, made)
        if split is not None:
            self._nodes.remove(split)

    def _product(self, value: str, output: str, floats: Float32, bias: str) -> list[NodeProto]:
        codes, scales = rounded_rows(floats)
        stem = f"{output}.int8"
        region = self._weights.reserve(f"{stem}.codes", "int8", codes.T.shape)
        region.write(np.ascontiguousarray(codes.T))
        by = self._weights.add(f"{stem}.scales", scales)
        inputs = [f"{value}.bytes", region.name, self._one(), by, self._middle()]
        scaled = f"{stem}.scaled" if bias else output
        made = [
            _node("MatMulIntegerToFloat", inputs, f"{stem}.product", domain="com.microsoft"),
            _node("Mul", [f"{stem}.product", f"{value}.scale"], scaled),
        ]
        return [*made, _node("Add", [scaled, bias], output)] if bias else made

    def _rounded(self, value: str) -> list[NodeProto]:
        """Divide a value's columns, and round each of its rows to bytes and a scale."""
        made, smooth = [], value
        if not self._fold(value):
            by = self._weights.add(f"{value}.smoothing", np.asarray(1 / self._smoothing[value], np.float32))
            smooth = f"{value}.smooth"
            made.append(_node("Mul", [value, by], smooth))
        axis = self._constant("rows.axis", "INT64", [1], -1)
        least, top = (self._constant(f"rows.{key}", "FLOAT", [], bound) for key, bound in _BOUNDS.items())
        return [
            *made,
            _node("Abs", [smooth], f"{value}.magnitude"),
            _node("ReduceMax", [f"{value}.magnitude", axis], f"{value}.peak"),
            _node("Max", [f"{value}.peak", least], f"{value}.bounded"),
            _node("Div", [f"{value}.bounded", top], f"{value}.scale"),
            _node("Div", [smooth, f"{value}.scale"], f"{value}.steps"),
            _node("QuantizeLinear", [f"{value}.steps", self._one(), self._middle()], f"{value}.bytes"),
        ]

    def _fold(self, value: str) -> bool:
        """Divide the weight of the norm that computes a value for products alone; False where none does."""
        node = next((one for one in self._nodes if one.output[0] == value), None)
        readers = [one for one in self._nodes if value in one.input]
        if node is None or node.op_type not in _NORMS or len(readers) != 1:
            return False
        place = _NORMS[node.op_type]
        divided = np.asarray(self._graph.array(node.input[place]) / self._smoothing[value], np.float32)
        node.input[place] = self._weights.add(f"{value}.smoothed", divided)
        return True

    def _one(self) -> str:
        return self._constant("rows.one", "FLOAT", [], 1)

    def _middle(self) -> str:
        return self._constant("rows.middle", "UINT8", [], _MIDDLE)

    def _constant(self, name: str, kind: str, shape: list[int], value: float) -> str:
        from onnx import TensorProto, helper

        if all(one.name != name for one in self._constants):
            self._constants.append(helper.make_tensor(name, getattr(TensorProto, kind), shape, [value]))
        return name


def _node(op: str, inputs: list[str], output: str, domain: str = "") -> NodeProto:
    from onnx import helper

    return helper.make_node(op, inputs, [output], name=output, domain=domain)
