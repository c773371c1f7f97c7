"""Gives a compiled decoder inputs for a low-rank adapter: beside each product, two thin ones.

``y = W x`` becomes ``y = W x + B (A x)``, with A and B as inputs of the graph; the decoder binds them in place, and
zeros of rank one where an adapter leaves a product alone. The weights stay where they are: the graph alone is written
anew, in memory. (Active adapters of onnxruntime's run options have no effect on bound buffers.)
Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ragedge.errors import ModelIntegrityError

if TYPE_CHECKING:
    from onnx import NodeProto

_SITE = re.compile(r"(blk\.\d+\.(?:qkv|out|gate_up|down))\.y")
INTERLEAVED = "rotary_interleaved"
SUMS = ".and_sums"
"""Ends the name of an input behind which stand the sums of its blocks, one for 32; an adapter multiplies it without."""
WITH_SUMS, WITHOUT_SUMS = 33, 32


def with_adapter_inputs(graph: bytes) -> tuple[bytes, dict[str, tuple[int, int]], bool]:
    """Return the graph with adapter inputs ``lora.SITE.a`` (columns, rank) and ``lora.SITE.b`` (rank, rows).

    Returns:
        The graph; the (columns, rows) of each site, such as ``blk.0.qkv``; and whether rotary pairs are neighbours,
        as GGUF orders the rows of queries and keys in the llama family.

    Raises:
        ModelIntegrityError: it is not a decoder that was compiled here.
    """
    from onnx import ModelProto, TensorProto, helper

    model = ModelProto.FromString(graph)
    sites: dict[str, tuple[int, int]] = {}
    nodes: list[NodeProto] = []
    interleaved = False
    for node in model.graph.node:
        attributes = {attribute.name: attribute.i for attribute in node.attribute}
        interleaved |= node.op_type == "GroupQueryAttention" and attributes.get(INTERLEAVED) == 1
        found = _SITE.fullmatch(node.output[0]) if node.op_type == "MatMulNBits" else None
        if found is None:
            nodes.append(node)
            continue
        site, output = found.group(1), node.output[0]
        value, columns = node.input[0], attributes["K"]
        if value.endswith(SUMS):
            value, columns = value.removesuffix(SUMS), columns * WITHOUT_SUMS // WITH_SUMS
        sites[site] = (columns, attributes["N"])
        node.output[0] = f"{site}.base"
        thin = helper.make_node("MatMul", [value, f"lora.{site}.a"], [f"{site}.thin"], name=f"{site}.thin")
        wide = helper.make_node(
            "MatMul", [f"{site}.thin", f"lora.{site}.b"], [f"{site}.delta"], name=f"{site}.delta"
        )
        both = helper.make_node("Add", [f"{site}.base", f"{site}.delta"], [output], name=f"{site}.adapted")
        nodes += [node, thin, wide, both]
    if not sites:
        raise ModelIntegrityError(
            "the decoder has no product that an adapter could change", hint="import it again"
        )
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for site, (columns, rows) in sites.items():
        for part, shape in (("a", [columns, f"{site}.rank"]), ("b", [f"{site}.rank", rows])):
            model.graph.input.append(
                helper.make_tensor_value_info(f"lora.{site}.{part}", TensorProto.FLOAT, shape)
            )
    return model.SerializeToString(), sites, interleaved
