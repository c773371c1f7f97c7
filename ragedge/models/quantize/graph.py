"""The matrices of an installed decoder: read back as floats, and written again in fewer bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import ModelIntegrityError, UnsupportedModelError
from ragedge.models.compile.adapter_graph import SUMS
from ragedge.models.compile.block_quant import CodedBlocks
from ragedge.models.compile.decoder_weights import Region, WeightsFile
from ragedge.models.quantize.four_bit_blocks import BLOCK
from ragedge.models.quantize.grids import plain_grid, rounded

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

    Float32 = NDArray[np.float32]

GRAPH_NAME = "model.onnx"


@dataclass(frozen=True, slots=True)
class Matrix:
    """One ``MatMulNBits`` weight.

    Attributes:
        name: What the node computes.
        input: What it multiplies.
        rows: Numbers out.
        columns: Numbers in.
        bits: Of a code now.
        block: Columns that share a scale now.
        tied: The embedding is looked up in it as well.
    """

    name: str
    input: str
    rows: int
    columns: int
    bits: int
    block: int
    tied: bool


@dataclass(frozen=True, slots=True)
class Coded:
    """A matrix's new codes.

    Attributes:
        blocks: Codes, scales and whole zero points.
        bits: Of a code.
        offsets: (rows, blocks), added to every weight of a block; None for none.
    """

    blocks: CodedBlocks
    bits: int
    offsets: Float32 | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A matrix in two parts, one above the other: its first rows, then the others.

    A vocabulary's first tokens are the frequent ones: byte pairs are numbered in the order of their merging.
    """

    first: Coded
    rest: Coded


class InstalledGraph:
    """A model folder's graph; weights are read one at a time."""

    def __init__(self, folder: Path) -> None:
        import onnx

        self.folder = folder
        try:
            self._model: ModelProto = onnx.load(folder / GRAPH_NAME, load_external_data=False)
        except Exception as exc:  # protobuf's, onnx's and the system's own errors
            raise ModelIntegrityError(
                f"{folder.name}/{GRAPH_NAME} cannot be read: {type(exc).__name__}",
                hint=f"ragedge models verify {folder.name}",
            ) from exc
        self._tensors = {one.name: one for one in self._model.graph.initializer}
        self._nodes = {node.output[0]: node for node in self._model.graph.node}
        looked_up = [node for node in self._model.graph.node if node.op_type == "GatherBlockQuantized"]
        self._lookup = looked_up[0] if looked_up else None
        self.matrices = tuple(
            self._matrix(node) for node in self._model.graph.node if node.op_type == "MatMulNBits"
        )
        if any(one.input.endswith(SUMS) or one.name == "logits.first" for one in self.matrices):
            raise UnsupportedModelError(
                f"model {folder.name} was made smaller already", hint="quantize the model that it was made of"
            )
        if not self.matrices:
            raise UnsupportedModelError(
                f"model {folder.name} has no matrices in blocks: only generators compiled from GGUF are quantized",
                hint="ragedge models list",
            )

    def weights(self, matrix: Matrix) -> Float32:
        """Return a matrix's weights, (rows, columns) float32: what the graph computes with now."""
        node = self._nodes[matrix.name]
        codes = _unpacked(self.array(node.input[1]), matrix.bits).reshape(matrix.rows, -1, matrix.block)
        scale = self.array(node.input[2]).reshape(matrix.rows, -1)
        middle: Any = np.float32(1 << (matrix.bits - 1))
        if len(node.input) > 3 and node.input[3]:
            zero = _unpacked(self.array(node.input[3]).reshape(matrix.rows, -1), matrix.bits)
            middle = zero[:, : scale.shape[1], None].astype(np.float32)
        floats = (codes.astype(np.float32) - middle) * scale[..., None]
        return np.ascontiguousarray(floats.reshape(matrix.rows, -1)[:, : matrix.columns])

    def first_rows(self, matrix: Matrix, count: int) -> Coded:
        """Return a matrix's first rows as they are stored."""
        node = self._nodes[matrix.name]
        codes = _unpacked(self.array(node.input[1])[:count], matrix.bits).reshape(count, -1, matrix.block)
        scale = self.array(node.input[2]).reshape(matrix.rows, -1)[:count]
        zero = np.full(scale.shape, 1 << (matrix.bits - 1), np.uint8)
        if len(node.input) > 3 and node.input[3]:
            zero = _unpacked(self.array(node.input[3]).reshape(matrix.rows, -1)[:count], matrix.bits)
        return Coded(CodedBlocks(codes, scale, zero[:, : scale.shape[1]]), matrix.bits)

    def copy(self) -> ModelProto:
        """Return the graph to change; its weights stay in the file."""
        import onnx

        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        return model

    def write(self, out: Path, coded: Mapping[str, Coded | Split]) -> None:
        """Write the graph with some matrices anew; the others, norms and tables stay as they are.

        Args:
            out: An existing, empty folder.
            coded: By matrix name.
        """
        model = self.copy()
        nodes = {node.output[0]: node for node in model.graph.node}
        with WeightsFile(out) as weights:
            for matrix in self.matrices:
                if matrix.name in coded:
                    lookup = nodes[self._lookup.output[0]] if matrix.tied and self._lookup else None
                    new = coded[matrix.name]
                    if isinstance(new, Split):
                        _put_split(model, lookup, matrix, new, weights)
                        continue
                    if new.offsets is not None:
                        new = _with_columns(new, new.offsets)
                        _sum_blocks(model, matrix)
                    _put(nodes[matrix.name], lookup, matrix, new, weights)
            self._keep(weights, {name for node in model.graph.node for name in node.input})
            weights.finish()
            inline = [one for one in model.graph.initializer if not one.external_data]
            del model.graph.initializer[:]
            model.graph.initializer.extend([*inline, *weights.initializers])
        (out / GRAPH_NAME).write_bytes(model.SerializeToString())

    def _keep(self, weights: WeightsFile, used: set[str]) -> None:
        """Copy what is still used, bytes with two names once."""
        regions: dict[str, Region] = {}  # by place in the old file
        for one in self._model.graph.initializer:
            if not one.external_data or one.name not in used:
                continue
            place = next(entry.value for entry in one.external_data if entry.key == "offset")
            if place in regions:
                weights.alias(one.name, regions[place], tuple(one.dims))
            else:
                array = self.array(one.name)
                regions[place] = weights.reserve(one.name, array.dtype.name, array.shape)
                regions[place].write(array)

    def _matrix(self, node: NodeProto) -> Matrix:
        given = {one.name: one.i for one in node.attribute}
        tied = self._lookup is not None and node.input[2] in self._lookup.input
        return Matrix(
            name=node.output[0], input=node.input[0], rows=given["N"], columns=given["K"], bits=given["bits"],
            block=given["block_size"], tied=tied,
        )  # fmt: skip

    def array(self, name: str) -> NDArray[Any]:
        """Read one tensor, and forget it again."""
        import onnx
        from onnx.external_data_helper import load_external_data_for_tensor

        tensor = onnx.TensorProto()
        tensor.CopyFrom(self._tensors[name])
        if tensor.external_data:
            load_external_data_for_tensor(tensor, str(self.folder))
        return np.asarray(onnx.numpy_helper.to_array(tensor))


def _with_columns(coded: Coded, offsets: Float32) -> Coded:
    """Put the offsets behind the codes, as columns that multiply the sums of the input's blocks.

    They are coded like weights: an offset is half a step at most, and its error a fifteenth of that.
    """
    block = coded.blocks.codes.shape[-1]
    padded = np.pad(offsets, ((0, 0), (0, -offsets.shape[1] % block)))
    added = rounded(padded, plain_grid(padded, block, coded.bits))
    both = zip(_parts(coded.blocks), _parts(added), strict=True)
    return Coded(CodedBlocks(*(np.concatenate(pair, axis=1) for pair in both)), coded.bits)


def _parts(blocks: CodedBlocks) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return blocks.codes, blocks.scales, blocks.zero_points


def _sum_blocks(model: ModelProto, matrix: Matrix) -> None:
    """Put the sums of the input's blocks behind the input, once for all that read it."""
    from onnx import TensorProto, helper

    extended = f"{matrix.input}{SUMS}"
    nodes, constants = model.graph.node, model.graph.initializer
    place, node = next((at, one) for at, one in enumerate(nodes) if one.output[0] == matrix.name)
    node.input[0] = extended
    for one in node.attribute:
        if one.name == "K":
            one.i = matrix.columns + matrix.columns // BLOCK
    if any(extended in one.output for one in nodes):
        return
    shape, axis, cut, sums = "blocks.shape", "blocks.axis", f"{matrix.input}.blocks", f"{matrix.input}.sums"
    if all(one.name != shape for one in constants):
        constants.append(helper.make_tensor(shape, TensorProto.INT64, [4], [0, 0, -1, BLOCK]))
        constants.append(helper.make_tensor(axis, TensorProto.INT64, [1], [-1]))
    made = (
        helper.make_node("Reshape", [matrix.input, shape], [cut], name=cut),
        helper.make_node("ReduceSum", [cut, axis], [sums], name=sums, keepdims=0),
        helper.make_node("Concat", [matrix.input, sums], [extended], name=extended, axis=-1),
    )
    for one in reversed(made):
        nodes.insert(place, one)


def _put(
    node: NodeProto, lookup: NodeProto | None, matrix: Matrix, coded: Coded, weights: WeightsFile
) -> None:
    """Store a matrix's new codes and point its node at them, and what looks rows up in it."""
    stem, blocks = f"{node.output[0]}.{coded.bits}bit", coded.blocks
    packed = blocks.packed(coded.bits)
    codes = weights.reserve(f"{stem}.codes", "uint8", packed.shape)
    codes.write(packed)
    scales = weights.add(f"{stem}.scales", np.asarray(blocks.scales, np.float32))
    zeros = ""
    if (blocks.zero_points != 1 << (coded.bits - 1)).any():
        zeros = weights.add(f"{stem}.zero_points", _packed_zeros(blocks.zero_points, coded.bits))
    _point(node, [node.input[0], codes.name, scales, zeros, *node.input[4:]], coded)
    if lookup is not None:
        table = weights.alias(f"{stem}.table", codes, (len(packed), packed[0].size))
        _point(lookup, [table, lookup.input[1], scales, zeros], coded)


def _put_split(
    model: ModelProto, lookup: NodeProto | None, matrix: Matrix, split: Split, weights: WeightsFile
) -> None:
    """Replace a product by two and join what they give; look rows up in the part that has them."""
    from onnx import NodeProto, TensorProto, helper

    nodes = model.graph.node
    count = len(split.first.blocks.codes)
    parts = ((f"{matrix.name}.first", split.first), (f"{matrix.name}.rest", split.rest))
    products, lookups = [], []
    for name, coded in parts:
        product = NodeProto()
        product.CopyFrom(next(one for one in nodes if one.output[0] == matrix.name))
        product.name = product.output[0] = name
        next(one for one in product.attribute if one.name == "N").i = len(coded.blocks.codes)
        found = None
        if lookup is not None:
            found = NodeProto()
            found.CopyFrom(lookup)
            found.name = found.output[0] = f"{lookup.output[0]}.{name.rpartition('.')[2]}"
            found.input[1] = f"{found.name}.ids"
            lookups.append(found)
        _put(product, found, matrix, coded, weights)
        products.append(product)
    joined = helper.make_node(
        "Concat", [one.output[0] for one in products], [matrix.name], name="joined", axis=-1
    )
    replace_node(nodes, matrix.name, [*products, joined])
    if lookup is None:
        return
    output = lookup.output[0]
    for name, value in (("first.count", count), ("first.last", count - 1), ("nought", 0)):
        model.graph.initializer.append(helper.make_tensor(f"split.{name}", TensorProto.INT64, [], [value]))
    model.graph.initializer.append(helper.make_tensor("split.axis", TensorProto.INT64, [1], [-1]))
    made = [
        helper.make_node(
            "Min", ["input_ids", "split.first.last"], [lookups[0].input[1]], name="split.ids.first"
        ),
        helper.make_node("Sub", ["input_ids", "split.first.count"], ["split.past"], name="split.past"),
        helper.make_node("Max", ["split.past", "split.nought"], [lookups[1].input[1]], name="split.ids.rest"),
        helper.make_node(
            "Less", ["input_ids", "split.first.count"], ["split.is_first"], name="split.is_first"
        ),
        helper.make_node("Unsqueeze", ["split.is_first", "split.axis"], ["split.mask"], name="split.mask"),
        *lookups,
        helper.make_node("Where", ["split.mask", *(one.output[0] for one in lookups)], [output], name=output),
    ]
    replace_node(nodes, output, made)


def replace_node(nodes: Any, output: str, made: list[NodeProto]) -> None:
    """Put nodes in the place of the one that computes a value."""
    place = next(at for at, one in enumerate(nodes) if one.output[0] == output)
    del nodes[place]
    for one in reversed(made):
        nodes.insert(place, one)


def _point(node: NodeProto, inputs: list[str], coded: Coded) -> None:
    while not inputs[-1]:
        inputs.pop()
    del node.input[:]
    node.input.extend(inputs)
    for one in node.attribute:
        if one.name == "bits":
            one.i = coded.bits
        elif one.name == "block_size":
            one.i = coded.blocks.codes.shape[-1]


def _packed_zeros(zeros: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Pack a row's zero points as codes are: (rows, blocks * bits / 8), a half byte left over filled with nought."""
    if bits == 8:
        return np.ascontiguousarray(zeros)
    even = np.pad(zeros, ((0, 0), (0, zeros.shape[1] % 2)))
    return np.ascontiguousarray(even[:, 0::2] | (even[:, 1::2] << np.uint8(4)))


def _unpacked(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    if bits == 8:
        return codes
    return np.stack([codes & 15, codes >> 4], axis=-1).reshape(*codes.shape[:-1], -1)
