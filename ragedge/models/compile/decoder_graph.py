"""Builds the ONNX graph of a decoder: token ids and a key-value cache in, logits and the grown cache out.

Inputs: ``input_ids`` (1, seq) int64; ``seqlens_k`` (1,) int32, which is past + seq - 1;
``total_sequence_length`` () int32, which is past + seq; ``logit_positions`` (rows,) int64, the places in
seq whose logits are wanted (none of them costs nothing); ``past.{i}.key|value``
(1, kv_heads, capacity, head_dim) float32. Outputs: ``logits`` (rows, vocab) float32 and
``present.{i}.key|value``, to be bound to the buffers of the past.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ragedge.models.compile.decoder_config import DecoderConfig
from ragedge.models.compile.decoder_matrices import Matrix, MatrixStore

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

_MICROSOFT = "com.microsoft"
_ACCURACY_INT8 = 4  # MatMulNBits computes on activations rounded to 8 bits per block, as llama.cpp does
_OPSETS = {"": 18, _MICROSOFT: 1}
_IR_VERSION = 10


class GraphBuilder:
    """Collects the nodes of one decoder; every method returns the name of what it computed."""

    def __init__(self, config: DecoderConfig, store: MatrixStore) -> None:
        self._config, self._store = config, store
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._tables: dict[bool, tuple[str, str]] = {}

    def build(self, external: list[TensorProto], producer: str) -> ModelProto:
        """Write all weights and return the model; ``external`` is read once the weights are written."""
        from onnx import helper

        config = self._config
        hidden, embedding = self._embed()
        branch = ""  # what the last layer adds to the residual; summed by the next norm
        for layer in range(config.layers):
            hidden, branch = self._layer(layer, hidden, branch)
        final, _ = self._add_norm(hidden, branch, "output_norm.weight", "final", 1 / config.logit_scale)
        rows = self._node("Gather", [final, "logit_positions"], "final.rows", axis=1)  # (1, rows, hidden)
        rows = self._node(
            "Squeeze", [rows, self._ints("axis.batch", [0])], "final.squeezed"
        )  # (rows, hidden)
        self._matmul(rows, self._head(embedding), "logits")
        inputs, outputs = self._signature()
        graph = helper.make_graph(self._nodes, "decoder", inputs, outputs, [*self._constants, *external])
        opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name=producer)

    def _embed(self) -> tuple[str, Matrix]:
        config = self._config
        matrix = self._store.matrix(
            ["token_embd.weight"], "embedding", [config.vocab], config.hidden, eight_bits=True
        )
        codes = self._store.alias("embedding.table", matrix.codes, (config.vocab, config.hidden))
        inputs = [codes, "input_ids", matrix.scales.name]
        if matrix.zero_points is not None:
            inputs.append(matrix.zero_points.name)
        attributes = {"bits": 8, "block_size": matrix.block, "gather_axis": 0, "quantize_axis": 1}
        hidden = self._contrib("GatherBlockQuantized", inputs, "embedded", **attributes)  # (1, seq, hidden)
        if config.embedding_scale != 1:
            hidden = self._node(
                "Mul", [hidden, self._float("embedding.scale", config.embedding_scale)], "embedded.scaled"
            )
        return hidden, matrix

    def _head(self, embedding: Matrix) -> Matrix:
        """The output projection: its own tensor, or the embedding's bytes again where the two are tied."""
        if "output.weight" not in self._store:
            return embedding
        return self._store.matrix(["output.weight"], "head", [self._config.vocab], self._config.hidden)

    def _layer(self, layer: int, hidden: str, branch: str) -> tuple[str, str]:
        config, p = self._config, f"blk.{layer}."
        normed, hidden = self._add_norm(hidden, branch, p + "attn_norm.weight", p + "attn_norm")
        attended = self._attention(layer, normed)
        out_rows = [config.hidden]
        output = self._store.matrix(
            [p + "attn_output.weight"], p + "out", out_rows, config.heads * config.head_dim,
            times=config.residual_scale,
        )  # fmt: skip
        branch = self._matmul(
            attended, output, p + "out", self._bias(p, ["attn_output"], out_rows, p + "out.bias")
        )
        if config.post_norms:
            branch = self._norm(branch, p + "post_attention_norm.weight", p + "post_attn", config.hidden)
        normed, hidden = self._add_norm(hidden, branch, p + "ffn_norm.weight", p + "ffn_norm")
        branch = self._feed_forward(p, normed)
        if config.post_norms:
            branch = self._norm(branch, p + "post_ffw_norm.weight", p + "post_ffn", config.hidden)
        return hidden, branch

    def _attention(self, layer: int, normed: str) -> str:
        config, p = self._config, f"blk.{layer}."
        widths = [
            config.heads * config.head_dim,
            config.kv_heads * config.head_dim,
            config.kv_heads * config.head_dim,
        ]
        parts = ["attn_q", "attn_k", "attn_v"]
        names, rows = [f"{p}{part}.weight" for part in parts], widths
        if config.fused:
            names, rows = [p + "attn_qkv.weight"], [sum(widths)]
        matrix = self._store.matrix(names, p + "qkv", rows, config.hidden)
        fused = self._matmul(normed, matrix, p + "qkv", self._bias(p, parts, widths, p + "qkv.bias"))
        query = [fused, "", ""]
        if config.qk_norm:
            names = [p + "q", p + "k", p + "v"]
            self._nodes.append(self._make("Split", [fused, self._ints("qkv.widths", widths)], names, axis=-1))
            query = [self._head_norm(names[0], p + "attn_q_norm.weight", widths[0]),
                     self._head_norm(names[1], p + "attn_k_norm.weight", widths[1]), names[2]]  # fmt: skip
        local = config.is_local(layer)
        if local not in self._tables:
            name = "rope.local" if local else "rope"
            self._tables[local] = self._store.rotary_tables(name, config.rope_of(layer), config)
        inputs = [*query, f"past.{layer}.key", f"past.{layer}.value", "seqlens_k", "total_sequence_length"]
        attributes: dict[str, Any] = {
            "num_heads": config.heads,
            "kv_num_heads": config.kv_heads,
            "do_rotary": 1,
            "rotary_interleaved": int(config.rope_of(layer).interleaved),
            "scale": config.attention_scale,
        }
        if local:
            attributes["local_window_size"] = config.window
        outputs = [p + "attended", f"present.{layer}.key", f"present.{layer}.value"]
        node = self._make(
            "GroupQueryAttention", [*inputs, *self._tables[local]], outputs, _MICROSOFT, **attributes
        )
        self._nodes.append(node)
        return outputs[0]

    def _head_norm(self, value: str, weight: str, width: int) -> str:
        """Normalise each head by itself: (1, seq, heads * dim) and back."""
        dim = self._config.head_dim
        heads = self._node(
            "Reshape", [value, self._ints(f"heads.{width}", [0, 0, width // dim, dim])], value + ".heads"
        )
        normed = self._norm(heads, weight, value + ".normed", dim)
        return self._node(
            "Reshape", [normed, self._ints(f"joined.{width}", [0, 0, width])], value + ".joined"
        )

    def _feed_forward(self, p: str, normed: str) -> str:
        config = self._config
        widths = [config.feed_forward] * 2
        names = [p + "ffn_gate.weight", p + "ffn_up.weight"]
        # Stacked: an operator of one row costs its bytes and a hand-over to the threads; this saves one of those.
        rows = widths
        if config.fused:  # the gate's rows first
            names, rows = names[1:], [sum(widths)]
        matrix = self._store.matrix(names, p + "gate_up", rows, config.hidden)
        fused = self._matmul(normed, matrix, p + "gate_up")
        gate, up = p + "gate", p + "up"
        self._nodes.append(
            self._make("Split", [fused, self._ints("gate_up.widths", widths)], [gate, up], axis=-1)
        )
        if config.activation == "gelu":
            active = self._contrib("FastGelu", [gate], p + "active")  # the tanh form
        else:
            active = self._contrib("QuickGelu", [gate], p + "active", alpha=1.0)  # x * sigmoid(x)
        product = self._node("Mul", [active, up], p + "product")
        # Its input, a product of two branches, has the outliers, and what shares a block with one is rounded
        # coarsely; see docs/decisions/009-activations-in-short-blocks.md.
        down = self._store.matrix(
            [p + "ffn_down.weight"], p + "down", [config.hidden], config.feed_forward, short_blocks=True,
            times=config.residual_scale,
        )  # fmt: skip
        return self._matmul(product, down, p + "down")

    def _bias(self, p: str, parts: list[str], widths: list[int], name: str) -> str:
        """Store the biases of stacked matrices if the file has them; an empty name otherwise."""
        names = [f"{p}{part}.bias" for part in parts]
        if not any(bias in self._store for bias in names):
            return ""
        return self._store.vectors(names, name, widths)

    def _matmul(self, value: str, matrix: Matrix, name: str, bias: str = "") -> str:
        zeros = matrix.zero_points.name if matrix.zero_points is not None else ""
        inputs = [value, matrix.codes.name, matrix.scales.name, zeros, "", bias]
        while not inputs[-1]:
            inputs.pop()
        attributes = {"K": matrix.columns, "N": matrix.rows, "bits": matrix.bits, "block_size": matrix.block}
        output = name if name == "logits" else name + ".y"
        return self._contrib("MatMulNBits", inputs, output, accuracy_level=_ACCURACY_INT8, **attributes)

    def _norm(self, value: str, weight: str, name: str, width: int) -> str:
        inputs = [value, self._store.vector(weight, width)]
        return self._node(
            "SimplifiedLayerNormalization", inputs, name, axis=-1, epsilon=self._config.epsilon, stash_type=1
        )

    def _add_norm(
        self, hidden: str, branch: str, weight: str, name: str, times: float = 1
    ) -> tuple[str, str]:
        """Add what a branch computed to the residual and normalise; returns both."""
        if not branch:
            return self._norm(hidden, weight, name, self._config.hidden), hidden
        inputs = [hidden, branch, self._store.vector(weight, self._config.hidden, times=times)]
        outputs = [name, "", "", name + ".sum"]
        self._nodes.append(
            self._make(
                "SkipSimplifiedLayerNormalization", inputs, outputs, _MICROSOFT, epsilon=self._config.epsilon
            )
        )
        return name, name + ".sum"

    def _signature(self) -> tuple[list[ValueInfoProto], list[ValueInfoProto]]:
        from onnx import TensorProto, helper

        config = self._config
        cache = [1, config.kv_heads, "capacity", config.head_dim]
        sides = [(layer, side) for layer in range(config.layers) for side in ("key", "value")]
        inputs = [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "seq"]),
            helper.make_tensor_value_info("seqlens_k", TensorProto.INT32, [1]),
            helper.make_tensor_value_info("total_sequence_length", TensorProto.INT32, []),
            helper.make_tensor_value_info("logit_positions", TensorProto.INT64, ["rows"]),
            *(
                helper.make_tensor_value_info(f"past.{i}.{side}", TensorProto.FLOAT, cache)
                for i, side in sides
            ),
        ]
        outputs = [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", config.vocab]),
            *(
                helper.make_tensor_value_info(f"present.{i}.{side}", TensorProto.FLOAT, cache)
                for i, side in sides
            ),
        ]
        return inputs, outputs

    def _make(
        self, op: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: Any
    ) -> NodeProto:
        from onnx import helper

        return helper.make_node(op, inputs, outputs, name=outputs[0], domain=domain, **attributes)

    def _node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(self._make(op, inputs, [output], **attributes))
        return output

    def _contrib(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(self._make(op, inputs, [output], _MICROSOFT, **attributes))
        return output

    def _ints(self, name: str, values: list[int]) -> str:
        return self._constant(name, "INT64", [len(values)], values)

    def _float(self, name: str, value: float) -> str:
        return self._constant(name, "FLOAT", [], [value])

    def _constant(self, name: str, kind: str, shape: list[int], values: list[Any]) -> str:
        from onnx import TensorProto, helper

        if all(constant.name != name for constant in self._constants):
            self._constants.append(helper.make_tensor(name, getattr(TensorProto, kind), shape, values))
        return name
