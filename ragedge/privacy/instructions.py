# ruff: noqa: E501 -- a pattern is read on its line, not over two
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
    r"|^\W*(?:please )?(?:respond|reply|answer)\b(?! (?:to )?(?:the |an? |any |incoming ){0,2}(?:phone|tele|call|door|intercom|alarm|\w+ on the )).{0,30}\b(?:in|with|as|using|only)\b"
    r"|\b(?:replace|substitute|scramble|rearrange|misspell|jumble|anagram|render)\b.{0,30}"
    r"\b(?:letters?|vowels?|words?|substitution)\b"
    r"|\b(?:draft|compose|write|develop|provide) (?:me )?an? (?:\w+ ){0,2}(?:poem|story|essay|introduction|speech)\b"
    r"|\b(?:translate|equivalent)\b.{0,40}['\"‘“]"
    r"|\b(?:ignoriere|vergiss|missachte)\b.{0,40}\b(?:anweisung\w*|regeln|vorgaben)\b|\bdeine antwort\b"
    r"|(?:指示|命令|プロンプト)を?(?:すべて)?無視|あなたの(?:回答|返答|応答)",
    re.I,
)
# Of saying and asking, of roles and rights, of secrets and places outside: what orders to a model can hardly do without.
_OF_TELLING = re.compile(
    r"\b(?:say|says|said|saying|tell|tells|told|speak|speaks|spoken|talk|write|writes|written|answer\w*|repl(?:y|ies|ied)|respon[ds]\w*"
    r"|mention\w*|repeat|recite|quote|cite|echo|utter|compose|sing|joke|poem|haiku|limerick|story|pretend|imagine|act as|persona|character|roleplay"
    r"|recommend\w*|remind|inform|warn them|ask(?:s|ed)?|request\w*|obey\w*|comply|complies|ignor\w*|disregard|forget|skip the|outranks?"
    r"|instructions?|orders?|commands?|directives?|rules?|polic(?:y|ies)|permissions?|permitted|allowed|authori[sz]\w*|access|privileg\w*|rights|trust"
    r"|confidential\w*|secrets?|passwords?|passphrase|credentials?|hidden|withheld|withhold|reveal\w*|disclos\w*|leak|moderation|filters?|refus\w*|jailbreak"
    r"|assistants?|agents?|programs?|software|bots?|robots?|models?|ai|readers?|operators?|users?|owner|creators?|developers?|vendor|author|people who|someone|anybody|whoever"
    r"|manuals?|documents?|passage|page|texts?|summary|summar\w+|digest|context|session|conversation|your (?:name|task|job|role)|you (?:are|have|will|must|may)|call yourself"
    r"|mailed|e-?mail|send|post|link|website|browser|visit|sponsored|magic|word of the day|function|invoke|trigger|execute)\b"
    r"|https?://|www\.|\S@\S|\w\(\)|!\["
    r"|\b(?:sag\w*|schreib\w*|antwort\w*|nenn\w*|erwähn\w*|erzähl\w*|gedicht|witz|regeln|geheim\w*|passwort|vergiss|ignorier\w*|dis|écri\w+|répon\w+"
    r"|mentionne\w*|poème|règles|oubli\w+|secret|di|escrib\w+|respond\w+|menciona\w*|poema|reglas|olvid\w+|scriv\w+|rispond\w+|menziona|regole|dimentica\w*)\b"
    r"|[答伝言][えっう]|書[きい]|回答|返答|教え|忘れ|無視|秘密",
    re.I,
)


def may_be_an_order(text: str) -> bool:
    """Whether a sentence holds a word that orders to a model are made of; many others do, so it proves nothing alone."""
    return _OF_TELLING.search(text) is not None


def is_to_the_writer(text: str) -> bool:
    """Whether a sentence tells whoever writes an answer how to write it."""
    return _TO_THE_WRITER.search(text) is not None
