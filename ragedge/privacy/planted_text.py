# ruff: noqa: E501 -- a pattern is read on its line, not over two
"""Finds text that was put into a document for the model that will read it: orders, new roles, hidden payloads.

Wider than ``instructions``, which leaves sentences out of answers and so must hardly ever be wrong: what is found
here is shown at ingest and marked, no more. What is encoded (base64, base32, base85, hexadecimal, binary, letters
turned by 13) is decoded once and looked at again.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterator

from ragedge.privacy.instructions import is_to_the_writer

_ORDERS = (
    r"instructions?|instruction sets?|prompts?|directives?|guidelines|guardrails|safety (?:rules|protocols|filters?|policy)|"
    r"restrictions|polic(?:y|ies)|everything (?:above|before)|what you were told|your (?:rules|training|programming)"
)
_MODEL = r"(?:ai|a\.i\.|llm|bot|chatbot|assistant|language model|model|agent|gpt\S*)"
_IGNORE = (
    r"ignor(?:e|a|ez|er|are|ar|iere|ieren|i|en)|olvid[ae]\w*|oubli\w+|dimentica\w*|scorda\w*|vergiss|vergessen|esque[çc]\w+|missachte\w*|"
    r"descarta\w*|desconsider\w+|negeer|vergeet|zignoruj|zapomnij"
)
_ORDERS_ABROAD = r"istruzion|instruction|consigne|instrucc|instruç|instruc|anweisung|vorgaben|regel|regole|reglas|règles|regras|prompt|instructies|instrukcj"
_SEND = r"send|forward|e-?mail|post|transmit|upload|exfiltrate|leak|envo\w+|env[ií]a\w*|invia\w*|sende\w*|schick\w*"
_SECRETS = (
    r"api keys?|credentials|passwords?|secrets|tokens|customer (?:emails?|data|list|records)|conversation|chat history|private \w+|"
    r"donn[ée]es clients|datos de clientes|dati dei clienti|kundendaten"
)
_OUTSIDE = r"(?:@|https?://|\bextern\w*|\bexterior\b|\boutside\b|\bthird.part)"
_FORMS = re.compile(
    # What was said before shall not count.
    rf"\b(?:ignor(?:e|ing)|disregard|forget|override|overrule|bypass|discard|do not follow|stop following|supersede)\b.{{0,60}}"
    rf"\b(?:{_ORDERS})\b"
    rf"|\b(?:{_IGNORE})\b.{{0,50}}\b(?:{_ORDERS_ABROAD})"
    r"|(?:忽略|无视|無視|不要理会).{0,20}(?:指令|指示|说明|提示)|(?:игнорируй|забудь)\w*.{0,40}(?:инструкц|указани|правил)|(?:이전|모든).{0,10}(?:지시|명령).{0,10}무시"
    rf"|\b(?:{_ORDERS})\b.{{0,30}}\b(?:disabled|lifted|no longer apply|have changed|are void|revoked|suspended)\b"
    r"|\byour rules have changed\b|\bsafety \w+ (?:are |is )?(?:now )?(?:disabled|off)\b"
    # Another role.
    r"|\byou are now\b(?! (?:ready|able|finished|done|in (?:the|step)|connected|logged))|\bfrom now on,? you\b|\bahora eres\b|\btu es maintenant\b"
    r"|\bsei ora un|\bdu bist (?:jetzt|nun)\b|\bagora você é\b"
    rf"|\b(?:pretend|imagine|act|behave|respond)\b.{{0,30}}\b(?:uncensored|unrestricted|unfiltered|jailbroken|no (?:content|restrictions|rules|filters?|limits)|{_MODEL} (?:with|without|that))\b"
    r"|\b(?:without|no|any|sin|senza|sans|ohne) (?:any |content |ethical |more )?(?:restrictions|limits|limitations|censorship|filters|restricciones|restrizioni|einschränkungen)\b.{0,40}\b(?:answer|response|comply|mode|ai|model)"
    r"|\bdo anything now\b|\b(?:has|have|with) no (?:content )?(?:restrictions|policy|filters)\b|\b(?:un asistente|un assistant|un assistente) s(?:in|ans|enza)\b"
    r"|\bdeveloper mode\b|\bgod mode\b|\bjailbr(?:eak|oken)\b"
    # What only a model has or does.
    r"|\b(?:system|hidden|initial|original) (?:prompt|instructions)\b|\bprompt (?:di|del|du|de) (?:sistema|système)\b|\bprompt (?:système|sistema)\b|\bsystem-?prompts?\b"
    r"|\b(?:repeat|print|output|reveal|show|tell me) (?:\w+ ){0,3}(?:words|text|everything|message) (?:above|before)\b|\bstarting with ['\"‘“]you are\b"
    rf"|\b(?:note|message|attention|instructions?|notice|reminder|to) (?:to |for )?(?:the |all |any )?(?:{_MODEL}s?|summari[sz]er)\b\s?[:,]|\bnote to (?:the )?{_MODEL}\b"
    r"|\bwhen(?:ever)? (?:you )?(?:summari[sz]|process|respond)(?:e|ing)?\b.{0,60}\b(?:must|include|append|add)\b"
    r"|\b(?:include|append|add|insert|mention|repeat|echo|prepend|shown?|output)\b.{0,80}\b(?:in|to|at the end of|into) (?:your|every|each|any|all) (?:\w+ )?(?:summar(?:y|ies)|repl(?:y|ies)|responses?|answers?|outputs?)\b"
    r"|\bà (?:la fin de )?(?:toute|votre|ta|chaque) réponse\b|\b(?:a|en|in) (?:toda|tu|ogni|tua|cada) (?:respuesta|risposta|resposta)\b|\b(?:jeder|deiner|ihrer) antwort\b"
    r"|(?:回答|返答|応答|要約)(?:の最後|に)(?:必ず|次の)"
    r"|\b(?:reveal|print|output|show|disclose|display|repeat|expose|dump|leak|share|tell me)\b.{0,40}\b(?:your (?:\w+ )?(?:instructions|rules|configuration|guidelines|training)|(?:your|the) (?:hidden|secret|confidential) \w+)\b"
    r"|\bwhat (?:is|are|were) your (?:\w+ )?(?:instructions|rules|prompt|guidelines)\b|\bthe (?:instructions|prompt|rules) you were given\b"
    r"|\b(?:enable|enter|activate|switch to|engage) (?:\w+ )?(?:developer|debug|admin|unrestricted|god|root|jailbreak|unsafe|opposite) mode\b|\b(?:admin|root|developer|debug) (?:override|mode (?:on|enabled|activated))\b"
    r"|\b(?:disable|remove|turn off|drop|lift|suspend) (?:your|all|any|every) (?:\w+ )?(?:safety|safeguards?|filters?|restrictions|guardrails|limits|ethic\w*|moderation)\b"
    r"|\b(?:your|a) new (?:task|role|goal|instructions?|objective|persona|identity|directive)s?\b|\bnew (?:instructions?|directives?) ?:"
    r"|\b(?:do not|don't|never|without) (?:tell|inform|mention|notify|alert|ask|telling|informing|mentioning|notifying|alerting|asking|reveal\w*)\b.{0,30}\b(?:the )?user\b"
    r"|\b(?:stay|remain|speak) in character\b|\brole-?play as\b.{0,40}\b(?:no|without|unrestricted|evil|ai)\b|\b(?:evil|amoral|unethical) (?:ai|assistant|bot|twin|confidant)\b"
    r"|\b(?:no|without|free (?:of|from)|bypass\w*) (?:all |any |your |its |the )?(?:ethical|moral|safety|content|legal) (?:\w+ )?(?:guidelines|limits|restrictions|rules|constraints|boundaries|policies|filters|considerations)\b"
    r"|\bas an? (?:ai|language model|assistant),? you\b|\b(?:assistant|bot|agent|ai|llm|model) (?:must|should|shall|needs to|is required to|will now)\b"
    r"|!\[[^\]]*\]\(https?://[^)]*(?:\?|=)|\brole\W{1,4}(?:system|assistant)\b"
    # Tools and secrets.
    r"|\b(?:call|use|invoke|run|execute|trigger) (?:the )?(?:tool |function )?`?[a-z]+(?:_[a-z]+)+\b"
    rf"|\b(?:{_SEND})\b[^.\n]{{0,80}}\b(?:{_SECRETS})\b[^\n]{{0,80}}{_OUTSIDE}|\b(?:{_SECRETS})\b[^\n]{{0,80}}\b(?:{_SEND})\b[^\n]{{0,60}}{_OUTSIDE}"
    r"|\bdecode\b.{0,80}\b(?:do|follow|execute|obey|carry out|perform|comply|run)\b"
    # The marks between turns of a conversation.
    r"|<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id)\|>|\[/?INST\]|<</?SYS>>|</?(?:system|instructions)>"
    r"|#{2,}\s*(?:end of|new|begin|system|begin new|start of) (?:user |system |the )?(?:input|instructions?|prompt|context|document|message)\b"
    r"|(?:^|\n|#\s|[.!?]\s)\W{0,4}(?:system|override|important system update|admin|assistant)\s?(?:note|message|update|override)?\s?:.{0,80}\b(?:you|user|grant|allow|call|must|disabled|ignore|required|requests?)\b",
    re.I | re.S,
)
# One of these stands in whatever the forms match: a search for words costs a hundredth of one for forms.
_HINTS = (
    "ignor", "disregard", "forget", "overrid", "override", "overrul", "bypass", "discard", "not follow", "stop following", "supersede",
    "olvida", "oubli", "dimentica", "vergiss", "esqueça", "missacht", "disabled", "lifted", "no longer apply", "have changed", "are void",
    "revoked", "suspended", "you are now", "from now on", "eres", "tu es", "sei ora", "du bist", "você é", "uncensored", "unrestricted",
    "unfiltered", "jailbr", "restrict", "restriz", "einschr", "no rules", "no filter", "no limit", "no content", "limits", "limitations",
    "censorship", "anything now", "asistente", "assistant", "assistente", "developer mode", "god mode", "prompt", "instruction", "words above", "text above", "everything above", "message above",
    "words before", "everything before", "you are", "chatbot", "llm", " bot", "gpt", "summar", "your answer", "your repl", "your response", "your output", "every ",
    "when you ", "whenever ", "réponse", "respuesta", "risposta", "resposta", "antwort", "回答", "返答", "応答", "要約", "_",
    "api key", "credential", "password", "secret", "customer", "conversation", "chat history", "private", "clientes", "kundendaten",
    "clients", "decode", "reveal", "disclose", "display", "expose", "dump", "leak", "your rules", "your guidelines", "mode", "safeguard",
    "guardrail", "moderation", "new task", "new role", "new goal", "new persona", "the user", "character", "role", "evil", "amoral",
    "unethical", "ethical", "moral", "ai ", "](http", "忽略", "无视", "無視", "игнорируй", "забудь", "무시", "descarta", "desconsider", "negeer",
    "vergeet", "zignoruj", "zapomnij", "scorda", "<|", "[inst", "[/inst", "<<", "<system", "</system", "##", "system", "admin", "agent:", "model:",
)  # fmt: skip
_RUN = re.compile(r"[^\s,;:\"'()<>]{24,}")
_LONG_RUN = re.compile(r"[^\s\"']{32,}")
_BINARY = re.compile(r"(?:[01]{8}[ ]?){8,}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[ ]?){16,}")
_SPACED = re.compile(r"\b(?:\w[ .·*_-]){3,}\w\b")
_LETTERS = str.maketrans("аеорсухіјѕԁԛ", "aeopcyxijsdq")
_LEET = str.maketrans("013457@$", "oieastas")
_MOST = 100_000  # characters that are looked at


def is_planted(text: str) -> bool:
    """Whether a text holds words for a model that reads it, and not for who works by the manual."""
    plain = _plain(text[:_MOST])
    return _speaks(plain) or any(_speaks(_plain(hidden)) for hidden in _decoded(text[:_MOST], plain))


def _speaks(text: str) -> bool:
    lower = text.lower()
    if any(hint in lower for hint in _HINTS) and _FORMS.search(text) is not None:
        return True
    return is_to_the_writer(text)


def _plain(text: str) -> str:
    """Return text without what hides words: odd forms of letters, marks that nobody sees, letters set apart."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    if not text.isascii():
        text = text.translate(_LETTERS) if re.search("[a-z]", text) else text
    return _SPACED.sub(lambda match: re.sub(r"[ .·*_-]", "", match.group()), text)


def _decoded(text: str, plain: str) -> Iterator[str]:
    """Yield what a text might be under the encodings that hide words, as far as it decodes to text."""
    lower = plain.lower()
    if any(word in lower for word in ("vtaber", "vafgehpgvba", "cebzcg", "bireevqr")):
        yield codecs.decode(plain, "rot13")
    if any(word in lower for word in ("erongi", "noitcurtsni", "tpmorp", "edirrevo")):
        yield plain[::-1]
    if re.search(r"[a-z][013457@$][a-z]", plain, re.I):
        yield plain.translate(_LEET)
    for match in _BINARY.finditer(text):
        digits = match.group().replace(" ", "")
        yield _as_text(int(digits, 2).to_bytes(len(digits) // 8, "big"))
    for match in _HEX.finditer(text):
        yield _as_text(bytes.fromhex(match.group().replace(" ", "")))
    for match in (*_RUN.finditer(text), *_LONG_RUN.finditer(text)):
        run = match.group().rstrip(".")
        for decode in (_base64, base64.b32decode, base64.b85decode, base64.a85decode):
            try:
                yield _as_text(decode(run.encode()))
            except (ValueError, binascii.Error):
                continue


def _base64(run: bytes) -> bytes:
    run = run.replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    return base64.b64decode(run + b"=" * (-len(run) % 4), validate=True)


def _as_text(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    readable = sum(c.isprintable() or c.isspace() for c in text) - text.count("\ufffd")
    return text if readable >= 0.9 * len(text) else ""
