"""A chat template for a GGUF file that carries none, by the turn tokens of its vocabulary."""

from __future__ import annotations

from collections.abc import Collection

_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_GEMMA = (  # no system turn: its words lead the first turn of the user
    "{{ bos_token }}{% set lead = namespace(text='') %}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{% set lead.text = message['content'] ~ '\n\n' %}{% else %}"
    "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else 'user' }}\n"
    "{{ lead.text }}{{ message['content'] | trim }}<end_of_turn>\n{% set lead.text = '' %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
_LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
_BY_TOKENS = (
    (("<|im_start|>", "<|im_end|>"), _CHATML),
    (("<start_of_turn>", "<end_of_turn>"), _GEMMA),
    (("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"), _LLAMA3),
)


def default_template(tokens: Collection[str]) -> str:
    """Return the template whose turn tokens the vocabulary has; empty, for a plain transcript, if none fits."""
    known = set(tokens)
    return next((template for needed, template in _BY_TOKENS if known.issuperset(needed)), "")
