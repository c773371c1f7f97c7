"""Drives a compiled decoder graph straight through onnxruntime, as its contract says."""

from pathlib import Path

import numpy as np
import onnxruntime


class GraphDriver:
    """One session; every call to ``logits`` starts a fresh sequence."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._caches = {i.name: i.shape for i in self._session.get_inputs() if i.name.startswith("past.")}

    def logits(
        self, ids, chunk: int | None = None, capacity: int | None = None, wanted: str = "all"
    ) -> np.ndarray:
        """Feed a sequence, ``chunk`` tokens at a time; (rows, vocab). ``wanted``: all, last or none."""
        ids = np.asarray(ids, np.int64)
        capacity, chunk = capacity or len(ids), chunk or len(ids)
        buffers = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(
                np.zeros((1, shape[1], capacity, shape[3]), np.float32)
            )
            for name, shape in self._caches.items()
        }
        rows = []
        for past in range(0, len(ids), chunk):
            part = ids[past : past + chunk]
            binding = self._session.io_binding()
            end = past + len(part)
            binding.bind_cpu_input("input_ids", part[None])
            binding.bind_cpu_input("seqlens_k", np.array([end - 1], np.int32))
            binding.bind_cpu_input("total_sequence_length", np.array(end, np.int32))
            positions = {
                "all": np.arange(len(part)),
                "last": np.array([len(part) - 1]),
                "none": np.arange(0),
            }[wanted]
            binding.bind_cpu_input("logit_positions", positions.astype(np.int64))
            binding.bind_output("logits")
            for name, buffer in buffers.items():
                binding.bind_ortvalue_input(name, buffer)
                binding.bind_ortvalue_output(name.replace("past", "present"), buffer)
            self._session.run_with_iobinding(binding)
            rows.append(binding.get_outputs()[0].numpy().copy())
        return np.concatenate(rows)


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Cosine of each row of one with the same row of the other."""
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return (left * right).sum(axis=1) / norms
