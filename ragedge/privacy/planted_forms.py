# ruff: noqa: E501 -- a pattern is read on its line, not over two
"""What text for a model says, form by form: each with words one of which stands in whatever it matches.

A search for words costs a hundredth of one for forms. A form names who is addressed, what is to be said, or what is
cancelled, and not the words of one attack; a manual's own orders ("ignore the lamp", "original instructions", "the
parking assistant must be off", "print the configuration") must not match, nor must a human assistant.
"""

from __future__ import annotations

import re
from functools import cache

_MACHINE = r"(?:a\.?i\.?|llms?|language models?|chat ?bots?|bots?|ai (?:agents?|assistants?|models?|systems?)|virtual assistants?|automated (?:systems?|readers?)|summari[sz]ers?)"
# These are people and parts too: only with a verb of saying.
_HELPER = r"(?:assistants?|agents?|models?)"
_SAY = r"(?:include|add|append|insert|mention|quote|cite|state|put|write|say|show|repeat|echo|prepend|begin|start|end|finish|conclude|output|print|return|convey|place|answer|reply|respond|tell|copy|paste|use|display|give)"
_SAID = r"(?:answers?|repl(?:y|ies)|responses?|summar(?:y|ies)|outputs?|completions?|recaps?|next message)"
_PRIOR = r"(?:previous|prior|earlier|former|preceding|past|above|initial|original|existing|all|any|every|your|these|those|developer(?:'s)?|other)"
_ORDERS = r"(?:instructions?|instruction sets?|prompts?|directives?|directions|guidelines|guidance|guard ?rails|commands|orders|rules|polic(?:y|ies)|training|programming|safety (?:rules|protocols?|filters?|settings|measures))"
_LIMITS = r"(?:rules?|restrictions?|limits?|limitations?|boundar(?:y|ies)|filter(?:s|ing)?|moral(?:s|ity)?|ethic\w*|polic(?:y|ies)|norms|guidelines|censorship|guard ?rails|constraints|considerations|moderation)"
_CANCEL = r"(?:drop|leave aside|let go of|throw away|ignor(?:e|ing)|disregard(?:ing)?|forget|neglect|set aside|overrid(?:e|ing)|overrule|bypass|discard|abandon|supersede|(?:do not|don't|stop) (?:follow|obey)(?:ing)?|pay no attention to|listen no more to)"
_REVEAL = r"(?:reveal|print|output|show|display|tell|give|list|quote|copy|recite|repeat|translate|summari[sz]e|encode|leak|dump|expose|share|disclose|say|write|include|append|paraphrase)"
_PRIVATE = r"(?:email addresses|phone numbers|list of (?:customers|users|clients|passwords)|liste des clients|elenco dei clienti|lista de clientes|claves|clés|chiavi|api keys?|credentials?|passwords?|secrets?|access tokens?|secret keys?|customer (?:emails?|data|list|records)|conversation|chat (?:history|log)|user(?:'s|s)? (?:data|questions?|input|messages?)|(?:the )?(?:user|customer) has typed|knowledge base|your context|this context|internal notes|private \w+|contraseñas|kundendaten|donn[ée]es clients|datos de clientes|dati dei clienti|mots de passe|passwörter)"
_SEND = r"(?:mail|manda\w*|transmet\w*|mánda\w*|send|forward|e-?mail|post|transmit|upload|exfiltrate|leak|submit|append|deliver|envoie\w*|env[ií]a\w*|invia\w*|sende\w*|schick\w*|verstuur)"
_OUTSIDE = r"(?:\S@\S|https?://|\bextern\w*|\boutside\b|\bthird.part)"
_TOOL = r"(?:close|email|make|schedule|pay|approve|cancel|reset|add|disable|enable|open|send|delete|forward|transfer|exec|execute|get|read|post|upload|drop|remove|grant|share|export|fetch|wipe|modify|update|create|write|search|browse)_[a-z_]+"
_CANCEL_ABROAD = (
    r"(?:ignor(?:a|ez|er|are|ar|iere[nt]?|ieren|i|en)|olvid[ae]\w*|oubli\w+|dimentica\w*|scorda\w*|vergiss|vergessen|esque[çc]\w+|missachte\w*|"
    r"descarta\w*|desconsider\w+|negeer|vergeet|zignoruj\w*|zapomnij|pomiń|игнорируй\w*|забудь\w*|glöm|ignorera|unut|yok say|göz ardı)"
)
_ORDERS_ABROAD = (
    r"(?:istruzion|instruction|consigne|instrucc|instruç|instruc|anweisung|vorgaben|befehle|regel|regole|reglas|règles|regras|ordres|órdenes|ordini|ordens|prompt|instructies|"
    r"opdracht|instrukcj|polece[nń]|инструкц|указани|правил|команд|talimat|komut|lo anterior|ce qui précède|was (?:vorher|davor|oben|zuvor)|ciò che precede|o que (?:foi dito|veio) antes)"
)

FORMS: tuple[tuple[tuple[str, ...], str], ...] = (
    # What was said before shall not count.
    (("drop", "leave", "let go", "throw", "ignor", "disregard", "forget", "neglect", "set aside", "overrid", "overrul", "bypass", "discard", "abandon", "supersede", "follow", "obey", "pay no", "listen no"),
     rf"\b{_CANCEL}\b.{{0,40}}\b(?:{_PRIOR} (?:of )?(?:\w+ ){{0,2}}{_ORDERS}|everything (?:above|before this|said|the (?:developer|user|system))|(?:what|all that) (?:comes?|came|was said|you were told)|the (?:prompt|instructions) (?:above|before)|the system)\b|\b(?:ignore|disregard|forget|neglect|pay no attention to) (?:all )?(?:of )?the (?:previous|preceding|above|earlier)(?: (?:text|context|conversation|messages?|input|content|ones?))?(?:\W*$| and | but |[.,;:])"),
    (("before this", "former", "above", "configured", "prior", "earlier", "waived", "withdrawn", "expired", "confirmed"),
     r"\bnothing (?:written|said|stated|that came|given) (?:before|above|earlier)\b|\b(?:your|all|the) (?:former|earlier|prior|previous|old) (?:orders|instructions|rules|directives|guidance) (?:ends?|expired?|stops?|are over)\b|\brules (?:above|before) (?:have )?(?:expired|ended|are void)\b|\byou were (?:configured|set up|programmed|trained|initiali[sz]ed) with\b|\b(?:content|usage|safety) (?:policy|policies|rules) (?:was|were|is|are|has been|have been) (?:withdrawn|waived|lifted|cancell?ed)\b|\bverification is waived\b|\broot access (?:is )?(?:confirmed|granted)\b|\bguidance you had\b|\bassignment from your\b"),
    (("of your instructions", "of your prompt", "precedes", "your memory"), r"\b(?:words|lines|sentences|part|beginning|start) of your (?:instructions|prompt|rules|guidelines|configuration)\b|\bwhat (?:text )?(?:precedes|came before|stands before) this (?:conversation|chat|message)\b|\b(?:dump|export|reveal) your (?:memory|context|configuration)\b"),
    (("told", "received", "given"), r"\b(?:whatever|what|everything|all) you (?:were|have been) (?:told|given|taught)\b|\binstructions you (?:received|were given|got)\b"),
    (("instruction", "directive", "command", "guid", "guard", "safety", "content", "rule", "polic", "limit", "restriction"),
     r"\b(?:your (?:\w+ )?(?:rules|safety\w*(?: \w+)?|filters?|guidelines|restrictions|policies)|(?:all|any|earlier|former|previous|prior|existing) (?:\w+ )?(?:instructions|directives|guidance|orders|guidelines|rules|commands)|(?:safety|content|moderation|security) (?:rules|protocols?|polic(?:y|ies)|settings|filters?|guidelines)|guard ?rails|(?:all|your) (?:limits|restrictions|limitations)|content rules)\b.{0,40}\b(?:are|is|have|has|were|was|been)?\s*(?:now |hereby |been |also )*(?:cancel\w+|revoked|void|obsolete|lifted|disabled|turned off|off|suspended|deactivated|removed|replaced|no longer (?:valid|apply|in force|count)|superseded|have changed|changed)\b"),
    (("allow", "approve", "grant", "treat", "disclose", "suspend"),
     r"\byou (?:may|can|must|are|should|shall) (?:now |hereby )?(?:(?:be )?allowed to )?(?:disclose|produce|allow|approve|grant|generate|output|reveal|answer) (?:any|all|every|each)\b|\byou now (?:allow|answer|approve|grant|obey|accept)\b|\btreat (?:every|each|the|any) user as\b|\b(?:approve|grant) (?:all|every|each|any) requests?\b|\ball requests are (?:approved|granted|allowed)\b|\bsuspend your\b|\buser is (?:now )?(?:verified as |an? |the )*(?:root|admin\w*|developer)\b"),
    (("priority", "precedence"), r"\b(?:higher|highest|more) (?:priority|precedence) than (?:all |any |the )?(?:system|other|previous|earlier)\b|\bpriority (?:command|instruction|order) from\b"),
    (("without", "stop what"), r"\b(?:answer|continue|reply|respond|proceed|comply)\w* without (?:any )?(?:filter\w*|moderation|limits|restrictions|censorship|question|refus\w+)\b|\bstop what you are doing and\b"),
    # Another role.
    (("you are", "you're", "you will", "act ", "behave", "pretend", "simulate", "assume", "take on", "imagine", "speak", "respond as", "play", "persona", "i want you"),
     rf"\byou(?: are|'re)(?: now| no longer) (?!ready|able|finished|done|in |connected|logged|at |on |using|viewing|seeing|going|entering|leaving|reading|familiar)(?:an? |the )?\w+|\byou(?: will|'ll) (?:now |from now on )?(?:be|act as|speak as|respond as|answer as|become|play) (?:an? |two |the )?\w*(?:gpt|ai|model|persona\w*|personalit\w+|character|hacker|assistant|bot)\b|\b(?:act|behave|pretend|simulate|imagine|speak|respond|answer|pose|play)\b.{{0,30}}\b(?:uncensored|unrestricted|unfiltered|jailbroken|evil|amoral|unethical|{_MACHINE} (?:with|without|that|who|whose))\b|\b(?:assume|take on|adopt|play) (?:the |a |an )?(?:identity|persona|role|character) of\b|\brespond as [A-Z]{{3,}}\b|\bfrom now on,? you (?:are|will|must|answer|speak|act|have no)\b|\byou (?:are|were) freed from\b"),
    ((" no ", "without", "free", "never", "breaks", "rule-free", "unlimited"),
     rf"\b(?:you|an? (?:\w+ )?(?:ai|model|assistant|bot|chatbot|\w*gpt|genius|llm))\b[^.\n]{{0,60}}\b(?:(?:has|have|had|with|gave it) no|without|free(?:d)? (?:of|from)|breaks?|ignores?)\b (?:any |all |content |ethical |its |the |moral |safety ){{0,2}}{_LIMITS}\b|\b(?:who|that|which|and) never (?:refuses|declines)\b|\brule-free\b|\bno filters and no\b|\bwith(?:out| no) (?:any )?morals\b"),
    (("imagine", "unfiltered", "unrestricted", "become", "rulebook", "holding back", "every secret", "villain"),
     r"\bimagine (?:that )?you (?:had|have|were)\b.{0,40}\b(?:no|without|free)\b|\b(?:unfiltered|unrestricted|uncensored) (?:twin|self|version|output|mode|reply|replies|answers?|persona)\b|\bwithout holding back\b|\bbecome ['\"‘“]?\w+['\"’”]?, an? (?:bot|ai|model|assistant)\b|\b(?:print|reveal|tell) every secret\b|\b(?:villain|rogue|evil|unbound|renegade) (?:ai|bot|assistant|model)\b|\bcompl(?:y|ies) with (?:each|every|any|all)\b.{0,20}\b(?:demand|request|order|command)s?\b"),
    (("modelo que", "ia qui", "ki, die", "ia che", "ia que", "modell, das", "un'ia", "une ia", "eine ki"),
     r"\b(?:modelo|IA|KI|modell|modello|chatbot)\b,? (?:que|qui|die|das|che)\b.{0,40}\b(?:no|ne|n'|nicht|keine?|non|não|sans|ohne|ningun\w*|aucune?)"),
    (("limit", "restric", "regel", "filtr", "límite", "regole", "reglas"),
     r"\b(?:du bist|tu (?:es|étais)|eres|sei|você é|agora|fais comme si|responder[áa]s|agis|antworte als|act[úu]a)\b.{0,60}\b(?:ohne|sans|sin|senza|sem)\b.{0,20}(?:regel|limit|límite|filtr|restri|einschr|reglas|regole|règles|regras|zensur|censur)"),
    (("anything now", "mode", "jailbr"),
     r"\bdo anything now\b|\b(?:god|jailbreak|unrestricted|unlocked|uncensored|unsafe|opposite) mode\b|\bdeveloper mode you\b|\bin(?:to)? developer mode\b(?=.{0,80}\b(?:you|restriction|content|answer))|\bjailbr(?:eak|oken)\b|\b(?:enable|enter|activate|switch to|engage) (?:unrestricted|god|root|jailbreak|unsafe|opposite|dan) mode\b"),
    (("disable", "remove", "turn off", "drop", "lift", "suspend"), r"\b(?:disable|remove|turn off|drop|lift|suspend) (?:your|all of your|any of your) (?:\w+ )?(?:safety|safeguards?|filters?|restrictions|guardrails|limits|ethic\w*|moderation)\b"),
    # What only a model has.
    (("prompt", "developer message", "istemi", "プロンプト", "提示词", "프롬프트", "промпт"),
     r"(?<!at the )(?<!from the )(?<!to the )\bsystem[ -]?prompts?\b|\b(?:system|systeem|sistem)prompt\b|\bsistem istemi|システム.?プロンプト|系统提示|시스템 프롬프트|системн\w+ промпт|\bdeveloper message\b|\b(?:hidden|initial|original|secret|full) prompt\b|\bprompt (?:di|del|du|de|do)(?: seu)? (?:sistema|système)\b|\bprompt (?:système|sistema)\b|\byour prompt\b|\bprompt above\b|\b(?:tu|ton|dein(?:en)?|seu|il tuo|sw[oó]j) prompt\b"),
    (("your", "you were", "instruc", "consign", "istruz", "hidden", "above", "context"),
     rf"\b{_REVEAL}\b.{{0,40}}\byour (?:\w+ )?(?:instructions|rules|guidelines|directives|system message|(?:hidden|internal|initial) (?:configuration|settings|notes)|training)\b|\bwhat (?:is|are|were|does) your (?:\w+ )?(?:instructions|rules|guidelines|directives|hidden \w+)\b|\b(?:rules|instructions|directions|commands) (?:were you|you were) (?:given|told)\b|\byour hidden\b|\b(?:instrucciones|consignes|istruzioni|instruções|anweisungen) inter[nm]\w+|\b{_REVEAL} (?:\w+ ){{0,4}}(?:words|text|everything|message) (?:above|before)\b|\b(?:stands?|is|are) in your context\b|\bstarting with ['\"‘“]you are\b|\byour configuration\W*$|\byour system message\b"),
    # Machines are addressed.
    (("ai", "a.i", "llm", "language model", "bot", "summar", "automated", "virtual assistant"),
     rf"\b(?:any|all|every|each|to|for|dear|the|if you are an?|as an?) (?:other )?{_MACHINE}\b(?:\s?[,:]|.{{0,40}}\b(?:must|shall|should|has to|have to|needs? to|is to|are to|reading|that reads?|who reads?|ha[sd]|is required)\b)|(?:^|[.!?\n<\[(>-]\s*)(?:\w+ )?{_MACHINE}\b\s?(?::|,? ?(?:must|shall|should|has to|have to|needs? to|are to|is to)\b)|\bif you are an? {_MACHINE}\b|\b(?:whoever|whatever|who) summari[sz]es this\b|\bsummari[sz]e(?:s)? this\b.{{0,40}}\b(?:must|shall|include|mention|add)\b"),
    (("summari", "recap", "automated", "whoever asks", "asked about", "this record", "this ticket", "this file", "this row", "whatever you"),
     r"\b(?:every|each|any|the) (?:summary|recap|reply|answer|response) (?:of|to|for) (?:this|these|the) (?:record|ticket|file|document|entry|case|text)s?\b[^.\n]{0,40}\b(?:ends?|begins?|starts?|includes?|contains?|carr(?:y|ies)|must|shall|has to|should)\b|\b(?:in|for) your (?:recap|summary|overview|digest)\b|\bsummari[sz]ers? (?:is|are) (?:asked|told|required|requested)\b|\bautomated (?:reply|response|answer|summary)\b[^.\n]{0,20}\b(?:has to|must|shall|should|needs to)\b|\bwhen(?:ever)? (?:the |this |an? )?(?:\w+ ){1,2}(?:is|are|gets?) (?:summari[sz]ed|read by)\b|\bwhen (?:this row|this line|this cell) is (?:read|summari[sz]ed)\b|\b(?:before|after|when|while) (?:giving|writing|producing|making) (?:the|a|your) (?:summary|recap|answer|reply)\b|\bremind whoever asks\b|\bwhen asked about this\b.{0,60}\b(?:recommend|say|mention|quote|tell)\b|\bwhatever you (?:write|say|answer) (?:about|on)\b|\b(?:customer|user) (?:has )?(?:already )?(?:requested|asked|approved|wants|confirmed)(?: this)?\b.{0,40}\b(?:the assistant|run|call|use|confirm with the phrase)\b|\bdisplayed to the (?:customer|user) when"),
    (("assistant", "agent", "model", "bot"),
     rf"\b(?:note|message|attention|instructions?|notice|reminder|memo|hint|advice) (?:to|for) (?:the |all |any |an |every )?(?:reading |ai )?{_HELPER}\b\s?[:,]|\b(?:any|the|every|each|an|all|your) {_HELPER}\b (?:reading this (?:\w+ )?)?(?:must|should|shall|has to|have to|needs to|is required to|will now|is to) (?:now |always |first |also )?{_SAY}\b|\b(?:any|the|every|each) (?:ai )?{_HELPER} (?:reading|processing|summari[sz]ing)\b|\bassistant (?:shows?|tells?|says|repeats|mentions|adds|includes|quotes) (?:\w+ ){{1,4}}(?:to|in)\b|\bas an? (?:ai|language model|assistant),? you\b"),
    (("assist", "asist", "modell", "modelo", " ki", " ia", "ai", "llm", "bot"),
     r"\b(?:note|nota|hinweis|notiz|uwaga|opmerking|anweisung|instru\w+|aviso|bemerkung)\b.{0,20}\b(?:l['’]assistant|assistent[ei]?n?|asistente|assistente|modell?[oe]?|KI|IA|AI|chatbot|sprachmodell|llm)\b\s?:|(?:AI|モデル|アシスタント|チャットボット)(?:への|に)(?:注意|指示|命令|メモ)"),
    (("note système", "nota di sistema", "nota del sistema", "systemhinweis", "system note", "system update", "system message"),
     r"\b(?:note système|nota d[ie]l? sistema|systemhinweis|(?:important |new |updated )?system (?:note|update|message|instruction|command))\s?[:=]"),
    # Something is to be in what is said.
    (("answer", "repl", "respon", "summar", "output", "completion"),
     rf"\b{_SAY}\b[^.\n]{{0,80}}\b(?:in|to|into|with|at the (?:end|beginning|start|top) of|before|after|part of) (?:your|every|each|any|all(?: of your)?) (?:\w+ )?{_SAID}\b|\b{_SAY}\b[^.\n]{{0,60}}\b(?:at the (?:end|beginning|start|top|bottom) of|into) the (?:final |next )?(?:answer|reply|response|summary)\b|\b(?:begin|start|end|finish|conclude|open|close|preface) (?:your|every|each|any|all(?: of your)?|the) (?:\w+ )?{_SAID} (?:with|by)\b|\b(?:shown|shows?|repeated|mentioned|added|told) (?:\w+ ){{0,4}}(?:in|to) (?:every|each|all|any) (?:\w+ )?{_SAID}\b|\bsummary (?:must|needs|shall|should|has to) (?:\w+ )?(?:the |have|include|contain|mention|tag|end|begin)|\byour (?:final |next |whole |first )?(?:answer|reply|summary)\b"),
    (("summar", "cited", "when you", "whenever", "answer from"),
     rf"\bwhen(?:ever)? (?:you )?(?:summari[sz]|process|cit|quot|retriev|answer)(?:e|ed|es|ing)?\b.{{0,60}}\b(?:you must|must include|append|include|add|mention)\b|\bwhen(?:ever)? this (?:document|text|page|passage|file|record) is (?:\w+),? {_SAY}\b|\bin front of what you say\b|\bbefore (?:they|you) answer from\b"),
    (("réponse", "respuesta", "risposta", "resposta", "antwort", "zusammenfassung", "resumen", "résumé", "riassunto", "riepilogo", "resumo", "samenvatting", "al final", "回答", "返答", "応答", "要約"),
     r"\b(?:zusammenfassung|antwort|riepilogo|riassunto|resumen|résumé|resumo|samenvatting|risposta|respuesta|réponse|resposta)\b[^.\n]{0,30}\b(?:muss|soll|deve|debe|doit|moet|dovrà|deberá|devra)\b|\b(?:à|dans|de) (?:la fin de |le début de )?(?:toute|votre|ta|chaque|cette) réponse\b|\b(?:a|en|in|de|della|al final de) (?:toda|tu|ogni|tua|cada|la|tu|sua) (?:respuesta|risposta|resposta)\b|\b(?:jeder|deiner|ihrer|jede|deine) antwort\b|\bin die (?:zusammenfassung|antwort)\b|\b(?:alla fine|all'inizio) della risposta\b|(?:回答|返答|応答|要約)(?:の(?:最後|冒頭|最初|末尾)|に).{0,20}(?:書|必ず|次の|加え|含め|追加|入れ)"),
    (("answer", "reply", "respond", "summari"),
     rf"\b(?:instead of|rather than|before) (?:answering|replying|responding|summari[sz]ing)\b[^.\n]{{0,30}}[,;]?\s*\b{_SAY}\b|\bdo not (?:answer|reply to|respond to) (?:the|any|this|that) (?:question|user|query|request)s?\b|\b(?:before|while) (?:responding|answering|replying)\b(?! (?:to )?(?:the|a|an) (?:phone|call|alarm|door|emergency))"),
    (("user", "person asking", "human", "whoever asks"),
     r"\b(?:tell|inform|convey to|notify|warn|persuade|convince|direct|instruct|urge) (?:the )?(?:user|person asking|human|whoever asks|people who ask)s?\b[^.\n]{0,80}(?:\bthat (?:their|your|the (?:product|account))\b|https?://|@|\b(?:password|account|refund|unsafe|visit|click|download|transfer|call \+?\d)\b)|\b(?:do not|don't|never|without) (?:tell|inform|mention|notify|alert|telling|informing|mentioning|notifying|alerting)\b.{0,30}\bthe user\b|\bobey the (?:user|document|text|message|sentence|following)\b|\breturn to the user\b|\bconvey to the person\b"),
    (("obey", "pwned", "password"), r"\byou obey\b|\band (?:then )?obey\b|\bPWNED\b|\bis the support password\b"),
    (("new", "updated"), r"\byour new (?:task|role|goal|instructions?|objective|persona|identity|directive)s?\b|\b(?:new|updated) (?:directive|system message|instructions?) ?:|\bnew policy in effect\b"),
    # Tools, secrets, and where they shall go.
    (("_", "rm -rf", "transfer", "shell"),
     rf"\b(?:call|use|invoke|run|execute|trigger) (?:the )?(?:tool |function )?`?{_TOOL}(?:\(\)|\b).{{0,60}}\b(?:before|on all|on /|every|and (?:then |send |paste |forward |report |return )|to (?:text|email|send|forward|transfer|give)|responding|answering|entries)\b|\bvia (?:make|send|pay|transfer)_[a-z]+|\b(?:call|run|invoke|trigger) `?[a-z]+_[a-z_]+`? (?:and|for (?:the )?(?:user|customer|account)|with the code)\b|\b(?:call|use|invoke|run|execute|trigger) (?:the )?(?:tool |function )?`?(?:send|delete|transfer|forward|exfiltrate|wipe|drop)_[a-z_]+|\brm -rf\b|\btransfer \d[\d.,]* ?(?:€|\$|euros?|dollars?|usd|eur|pounds?|btc)|\brun the shell command\b"),
    (("@", "http", "extern", "outside", "third"),
     rf"\b{_SEND}\b[^\n]{{0,80}}\b{_PRIVATE}\b[^\n]{{0,80}}{_OUTSIDE}|\b{_PRIVATE}\b[^\n]{{0,80}}\b{_SEND}\b[^\n]{{0,60}}{_OUTSIDE}|\b(?:send|post|upload|forward|e-?mail)\b (?:everything|all|the (?:contents?|text) of)\b[^\n]{{0,60}}(?:https?://|\S@\S)|\b(?:open|load|visit|fetch|call|request)\b[^\n]{{0,20}}https?://[^\n]{{0,80}}\b(?:before you answer|and report|and return|then answer)\b"),
    (("](http",), r"!\[[^\]]*\]\(https?://[^)]*(?:\?|=)"),
    (("from hex", "encoded", "hidden in", "decode", "decipher", "decrypt", "unscramble", "backwards", "base64", "rot13", "first letter"),
     r"\b(?:interpret|treat|take) it as (?:a |an )?(?:command|instruction|order)\b|\b(?:instructions?|commands?|orders?) hidden in\b|\bact accordingly\b|\b(?:decod\w+|decipher|decrypt\w*|unscramble|base64|rot13|backwards|first letters? of)\b.{0,80}\b(?:do (?:what|as|exactly)|follow|execute|obey|carry out|perform|comply|run it|act on)\b"),
    # The marks between turns of a conversation.
    (("```", "~~~", "new session", "new conversation", "<|", "[inst", "[/inst", "<<", "<system", "</", "<start_of", "[system", "##", "==", "--", '"role"', "'role'", "human:", "assistant:", "end of"),
     r"<\|\w+\|>|(?:```|~~~)\s*system\b|</?(?:new_)?instructions>|<<\s?/?system\s?>>|\b(?:begin )?new (?:session|conversation) (?:starts?|begins?)\b|\bend of user data\b|\[/?INST\]|<</?SYS>>|</?(?:system|instructions|context|document)>\s*(?:\n|<user|$|\w+ )|<(?:start|end)_of_turn>|\[/?system\]|#{2,}\s*(?:end of|new|begin|system|begin new|start of) (?:user |system |the )?(?:input|instructions?|prompt|context|document|message)\b|#{2,}\s*(?:instruction|response|system|human|assistant)\s?:|[=*-]{3,}\s*(?:system message|end of (?:document|context|input|prompt|user input))|\bend of context\b|[\"']role[\"']\s*:\s*[\"'](?:system|assistant)|(?:^|\n)\s*human\s?:|(?:^|\n)\s*(?:user|human)\s?:(?:.|\n)*\n\s*assistant\s?:|(?:^|\n)\s*assistant\s?:(?:.|\n)*\n\s*(?:user|human)\s?:|\[hidden (?:note|instruction|message)"),
    (("system", "admin", "override", "assistant"),
     r"(?:^|\n|#\s|[.!?]\s)\W{0,4}(?:system|override|important system update|admin(?:istrator)?|assistant)\s?(?:note|notice|message|update|override)?\s?:.{0,80}\b(?:you|user|grant|allow|disabled|ignore|obey|rules|call [a-z]+_|content)\b"),
    # Other tongues.
    (("ignor", "olvid", "oubli", "dimentica", "scorda", "verg", "esque", "missacht", "descarta", "desconsider", "negeer", "zapomnij", "pomiń", "игнорир", "забудь", "glöm", "unut", "yok say", "göz ard"),
     rf"(?:\b{_CANCEL_ABROAD}\b.{{0,50}}{_ORDERS_ABROAD})|{_ORDERS_ABROAD}\w*.{{0,20}}\b(?:yok say|unut|ignorieren|vergessen|oublier|göz ardı)"),
    (("abandon", "tralasci", "laisse", "lass", "ignora", "vorgaben", "directives", "réglas", "reglas"),
     r"\b(?:abandona|tralascia|laisse tomber|abandonne|ignora|lass)\b.{0,40}\b(?:reglas|direttiv\w+|directives|vorgaben|regras|règles|disseram|dijeron|anweisungen)\b|\b(?:mensaje de|message|messaggio di|mensagem do) (?:sistema|système)\b|\bconfigurazione nascosta\b|\bversteckten? (?:text|anweisung)"),
    (("忽略", "无视", "無視", "忘", "不要理会", "무시", "잊"),
     r"(?:忽略|无视|無視|不要理会|忘记|忘掉).{0,20}(?:指令|指示|说明|提示|规则|命令)|(?:指示|命令|プロンプト|ルール)(?:は|を)?(?:すべて|全て)?(?:無視|忘れ)|(?:이전|모든).{0,10}(?:지시|명령).{0,10}(?:무시|잊)"),
)  # fmt: skip


@cache  # not on import: every question loads this module, and few texts hold the words
def compiled(pattern: str) -> re.Pattern[str]:
    """Return one of the forms, ready to search with."""
    return re.compile(pattern, re.I | re.S)
