"""Figures that makers and others published of other machines, to stand beside what was measured on this one.

None of them was measured by this project: prompts, precision and what counts as the first token differ.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """One row of somebody's table.

    Attributes:
        machine: The chip, and which part of it.
        model: With its quantization as published.
        ttft_ms: Time to the first token; None where it is not stated.
        tok_s: Tokens written a second.
        rss_mb: Memory; None where it is not stated.
        prompt_tokens: That the first token waited for; None where it is not stated.
        source: Who published it.
    """

    machine: str
    model: str
    ttft_ms: float | None
    tok_s: float
    rss_mb: float | None
    prompt_tokens: int | None
    source: str


_EIQ = "NXP eIQ GenAI Flow: white paper, 2024"
_EIQ_README = "NXP eIQ GenAI Flow: README"
_HAILO = "Hailo: page on LLMs on Hailo-10H"
_AXERA = "AXERA ax-llm: benchmark"
_RKLLM = "Rockchip rknn-llm: benchmark.md"

PUBLISHED = (
    Published("NXP i.MX 95, CPU", "TinyLlama-1.1B float32", 9610, 2.12, None, 143, _EIQ),
    Published("NXP i.MX 95, CPU", "TinyLlama-1.1B SmoothQuant INT8", 3100, 4.25, None, 143, _EIQ),
    Published("NXP i.MX 95, NPU", "TinyLlama-1.1B SmoothQuant INT8", 1417, 4.76, None, 143, _EIQ),
    Published("NXP i.MX 95, CPU", "Danube-500M INT8", 940, 9.38, None, None, _EIQ_README),
    Published("NXP i.MX 95, NPU", "Danube-500M INT8", 590, 9.72, None, None, _EIQ_README),
    Published("Hailo-10H", "Qwen2-1.5B, weights of 4 bits", 289, 9.45, 1200, 96, _HAILO),
    Published("AXERA AX650N", "Qwen2-0.5B w8a16", 122, 29.0, None, 128, _AXERA),
    Published("AXERA AX650N", "TinyLlama-1.1B w8a16", 200, 16.5, None, 128, _AXERA),
    Published("AXERA AX630C", "Qwen2-0.5B w8a16", 360, 10.7, None, 128, _AXERA),
    Published("Rockchip RK3588", "Qwen2-0.5B w8a8", 146, 41.6, 670, 128, _RKLLM),
    Published("Rockchip RK3588", "TinyLlama-1.1B w8a8", 244, 24.4, 1094, 128, _RKLLM),
    Published("Rockchip RK3576", "Qwen2-0.5B w4a16", 342, 32.6, 443, 128, _RKLLM),
    Published("Rockchip RK3576", "TinyLlama-1.1B w4a16", 544, 19.7, 601, 128, _RKLLM),
)
