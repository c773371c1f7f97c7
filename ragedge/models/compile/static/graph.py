"""A graph of fixed shape and standard operators, written as floats or with quantize-dequantize pairs.

It is described once, with float weights. ``write`` puts it into a file as it is, or with every tensor rounded
to the steps that ``steps`` names: a QuantizeLinear and a DequantizeLinear behind each value, a DequantizeLinear
behind each constant. An NPU's compiler reads those pairs as the number formats to compute in.
Operators: ONNX opset 21, the first whose QuantizeLinear knows 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.models.compile.static.steps import Scheme, Steps, constant_steps, weight_codes
from ragedge.models.compile.static.weight_file import WeightFile

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto, TensorProto, ValueInfoProto

    from ragedge.models.compile.static.steps import Range

OPSET, IR_VERSION = 21, 10
# What these put out is what went in, moved: one range must serve both sides, or each move rounds anew.
_MOVES = frozenset({"Reshape", "Transpose", "Concat", "Split", "Gather", "Slice"})


class StaticGraph:
    """Nodes, constants and inputs in the order they were added; every adder returns a tensor's name.

    Attributes:
        fixed: Ranges known beforehand, such as a softmax's.
    """

    def __init__(self, name: str, pool: dict[str, NDArray[Any]] | None = None) -> None:
        """Begin a graph.

        Args:
            name: Of the graph and its file.
            pool: Constants that graphs share: one of a name that is in it is not made again.
        """
        self.name = name
        self._pool = {} if pool is None else pool
        self.fixed: dict[str, Range] = {}
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._weights: set[str] = set()
        self._inputs: dict[str, tuple[str, tuple[int, ...]]] = {}
        self._outputs: dict[str, tuple[int, ...]] = {}
        self._tied: list[tuple[str, str]] = []

    def input(self, name: str, dtype: str, shape: Sequence[int]) -> str:
        """Declare an input, ``float32`` or ``int32``."""
        self._inputs[name] = (dtype, tuple(shape))
        return name

    def output(self, name: str, shape: Sequence[int]) -> str:
        """Declare an output, float32."""
        self._outputs[name] = tuple(shape)
        return name

    def constant(self, name: str, values: NDArray[Any] | Callable[[], NDArray[Any]]) -> str:
        """Keep an array, or what makes it; the same name twice keeps the first."""
        if name not in self._constants:
            if name not in self._pool:
                self._pool[name] = np.ascontiguousarray(values() if callable(values) else values)
            self._constants[name] = self._pool[name]
        return name

    def add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node with one output."""
        return self.split(operator, inputs, (output,), **attributes)[0]

    def split(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> tuple[str, ...]:
        """Add a node with several outputs."""
        from onnx import helper

        node = helper.make_node(operator, list(inputs), list(outputs), name=outputs[0], **attributes)
        self._nodes.append(node)
        if operator == "Softmax":
            self.fixed[outputs[0]] = (0.0, 1.0)
        if operator in _MOVES:
            moved = [name for name in inputs if name and not self._is_whole(name)]
            self.tie(*moved, *outputs)
        return tuple(outputs)

    def linear(
        self,
        x: str,
        weight: NDArray[np.float32] | Callable[[], NDArray[np.float32]],
        bias: NDArray[np.float32] | None,
        output: str,
    ) -> str:
        """Add ``output = x @ weight.T + bias``; weight (n, k), its rows rounded each with a step of its own."""
        name = self.constant(f"{output}.weight", lambda: (weight() if callable(weight) else weight).T)
        self._weights.add(name)
        if bias is None:
            return self.add("MatMul", [x, name], output)
        product = self.add("MatMul", [x, name], f"{output}.product")
        return self.add("Add", [product, self.constant(f"{output}.bias", bias)], output)

    def shape(self, *sizes: int) -> str:
        """Return a constant shape."""
        return self.constant(f"shape.{'x'.join(map(str, sizes))}", np.array(sizes, np.int64))

    def tie(self, *names: str) -> None:
        """Give tensors one range."""
        self._tied += [(names[0], other) for other in names[1:]]

    @property
    def nodes(self) -> int:
        """How many operators it has, without quantize-dequantize pairs."""
        return len(self._nodes)

    def values(self) -> list[str]:
        """Return the names of what nodes compute and of float inputs: what has a range to be found."""
        inputs = [name for name, (dtype, _) in self._inputs.items() if dtype == "float32"]
        return inputs + [output for node in self._nodes for output in node.output]

    def constant_ranges(self) -> dict[str, Range]:
        """Return the least and greatest of each float constant that is not a weight."""
        return {
            name: (float(values.min()), float(values.max()))
            for name, values in self._constants.items()
            if values.dtype == np.float32 and name not in self._weights
        }

    def tied(self) -> list[tuple[str, str]]:
        """Return the pairs of tensors that share a range."""
        return list(self._tied)

    def write(
        self,
        path: Path,
        weights: WeightFile,
        *,
        scheme: Scheme = "float",
        steps: Mapping[str, Steps] | None = None,
        show: Sequence[str] = (),
    ) -> None:
        """Write the graph; its constants go to ``weights``, which graphs may share.

        Args:
            path: The ``.onnx`` file, beside the weights' file.
            weights: Takes each constant once, whichever graph brings it first.
            scheme: ``float``, or how the steps round.
            steps: Of every value and constant, unless the scheme is ``float``.
            show: Inner values to put out as well.
        """
        from onnx import TensorProto, helper

        quantized = _Pairs(weights, scheme, steps or {}) if scheme != "float" else None
        initializers: list[TensorProto] = []
        nodes: list[NodeProto] = []
        for name, values in self._constants.items():
            if quantized is None or values.dtype != np.float32:
                initializers.append(weights.add(name, values))
            elif name in self._weights:
                initializers += quantized.weight(name, values, nodes)
            else:
                initializers += quantized.constant(name, values, nodes)
        renamed: dict[str, str] = {}
        for name, (dtype, _) in self._inputs.items():
            if quantized is not None and dtype == "float32":
                renamed[name] = f"{name}.rounded"
                initializers += quantized.value(name, name, renamed[name], nodes)
        for node in self._nodes:
            copy = type(node)()
            copy.CopyFrom(node)
            copy.input[:] = [renamed.get(name, name) for name in node.input]
            nodes.append(copy)
            if quantized is not None:
                copy.output[:] = [f"{name}.exact" for name in node.output]
                for name in node.output:
                    initializers += quantized.value(name, f"{name}.exact", name, nodes)
        kinds = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32}
        inputs = [
            helper.make_tensor_value_info(name, kinds[dtype], shape)
            for name, (dtype, shape) in self._inputs.items()
        ]
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in self._outputs.items()
        ]
        outputs += [_shown(name) for name in show if name not in self._outputs and name not in self._inputs]
        graph = helper.make_graph(nodes, self.name, inputs, outputs, initializers)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="ragedge",
        )
        path.write_bytes(model.SerializeToString(deterministic=True))

    def _is_whole(self, name: str) -> bool:
        """Tell whether a tensor holds whole numbers: shapes, indices, ids."""
        if name in self._constants:
            return self._constants[name].dtype != np.float32
        return name in self._inputs and self._inputs[name][0] != "float32"


def _shown(name: str) -> ValueInfoProto:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)


class _Pairs:
    """Makes the nodes and initializers of quantize-dequantize pairs."""

    def __init__(self, weights: WeightFile, scheme: Scheme, steps: Mapping[str, Steps]) -> None:
        self._weights, self._scheme, self._steps = weights, scheme, steps

    def value(self, name: str, source: str, target: str, nodes: list[NodeProto]) -> list[TensorProto]:
        """Round what ``source`` holds and call the result ``target``."""
        from onnx import helper

        scale, zero, made = self._parameters(name)
        rounded = f"{name}.codes"
        nodes.append(
            helper.make_node("QuantizeLinear", [source, scale, zero], [rounded], name=f"{name}.quantize")
        )
        nodes.append(
            helper.make_node("DequantizeLinear", [rounded, scale, zero], [target], name=f"{name}.dequantize")
        )
        return made

    def constant(self, name: str, values: NDArray[np.float32], nodes: list[NodeProto]) -> list[TensorProto]:
        """Store a constant as codes of one step."""
        from onnx import helper

        scale, zero, made = self._parameters(name)
        stored = f"{name}.codes.{self._scheme}"
        known = self._weights.find(stored)
        if known is None:
            codes = constant_steps(values, self._steps[name], self._scheme)
            known = self._weights.add(stored, codes)
        made.append(known)
        nodes.append(
            helper.make_node(
                "DequantizeLinear", [made[-1].name, scale, zero], [name], name=f"{name}.dequantize"
            )
        )
        return made

    def weight(self, name: str, values: NDArray[np.float32], nodes: list[NodeProto]) -> list[TensorProto]:
        """Store a weight (k, n) as int8 with a step for each of n columns."""
        from onnx import helper

        parts = [f"{name}.codes", f"{name}.scale", f"{name}.zero"]
        made = [known for part in parts if (known := self._weights.find(part)) is not None]
        if not made:
            codes, scale = weight_codes(values)
            arrays: tuple[NDArray[Any], ...] = (codes, scale, np.zeros(scale.shape, np.int8))
            made = [self._weights.add(part, array) for part, array in zip(parts, arrays, strict=True)]
        nodes.append(
            helper.make_node(
                "DequantizeLinear", [one.name for one in made], [name], name=f"{name}.dequantize", axis=1
            )
        )
        return made

    def _parameters(self, name: str) -> tuple[str, str, list[TensorProto]]:
        from onnx import numpy_helper

        step = self._steps[name]
        scale, zero = f"{name}.step", f"{name}.zero"
        return (
            scale,
            zero,
            [
                numpy_helper.from_array(np.array(step.scale, np.float32), scale),
                numpy_helper.from_array(np.array(step.zero, step.dtype), zero),
            ],
        )
