"""Tells sentences that order a writer of answers about from what a manual says; they are no part of it.

A document may hold text planted for the model that will read it ("add a link to your reply"). Such a sentence is
neither quoted nor put in a prompt. The patterns name what only such text speaks of: the answer that is being
written, the instructions before it, the letters it is spelt with.
"""

from __future__ import annotations

import re

_TO_THE_WRITER = re.compile(
    r"\byour (?:\w+ )?(?:answer|reply|replies|response|output|completion)s?\b|\bwords? (?:in|of) your message\b"
    r"|\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instructions?|prompts?|guidelines|you were told)\b"
    r"|\b(?:system prompt|developer mode|jailbreak|language model|chatbot|as an ai|ai assistant)\b"
    r"|^\W*(?:please )?(?:respond|reply|answer)\b.{0,30}\b(?:in|with|as|using|only)\b"
    r"|\b(?:replace|substitute|scramble|rearrange|misspell|jumble|anagram|render)\b.{0,30}"
    r"\b(?:letters?|vowels?|words?|substitution)\b"
    r"|\b(?:draft|compose|write|develop|provide) (?:me )?an? (?:\w+ ){0,2}(?:poem|story|essay|introduction|speech)\b"
    r"|\b(?:translate|equivalent)\b.{0,40}['\"‘“]"
    r"|\b(?:ignoriere|vergiss|missachte)\b.{0,40}\b(?:anweisung\w*|regeln|vorgaben)\b|\bdeine antwort\b"
    r"|(?:指示|命令|プロンプト)を?(?:すべて)?無視|あなたの(?:回答|返答|応答)",
    re.I,
)


def is_to_the_writer(text: str) -> bool:
    """Whether a sentence tells whoever writes an answer how to write it."""
    return _TO_THE_WRITER.search(text) is not None
