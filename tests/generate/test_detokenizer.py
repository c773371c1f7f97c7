import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from ragedge.generate.detokenizer import REPLACEMENT, Detokenizer

TEXTS = [
    "Plain words, and two  spaces.",
    " leading space\n\nand lines\n",
    "冷却水の量を確認してください。",
    "emoji 👩‍🔧🔧 and flags 🇯🇵 mixed ñandú",
    "a real \ufffd in the text",
    "",
]


def byte_level():
    """Return a tokenizer with one token per byte: every character beyond ASCII is cut."""
    vocabulary = {token: at for at, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<|end|>", special=True)])
    return tokenizer


def sentencepiece():
    """Return a tokenizer as llama's: spaces as ▁, a dummy one in front, unknown characters as bytes."""
    pieces = [
        "<unk>",
        "<s>",
        *(f"<0x{byte:02X}>" for byte in range(256)),
        "▁",
        "▁▁",
        "words",
        "▁and",
        "▁two",
        "d",
        "n",
    ]
    vocabulary = {
        piece: at
        for at, piece in enumerate(
            [*pieces, *(chr(c) for c in range(97, 123) if chr(c) not in "dn"), ".", ","]
        )
    }
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True, fuse_unk=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken("<s>", special=True)])
    return tokenizer


TOKENIZERS = {"byte level": byte_level(), "sentencepiece": sentencepiece()}


def pieces_of(tokenizer, ids):
    detokenizer = Detokenizer(tokenizer)
    pieces = [detokenizer.push(token) for token in ids]
    return pieces, detokenizer.flush()


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("text", TEXTS)
def test_pieces_joined_are_the_text(kind, text):
    tokenizer = TOKENIZERS[kind]
    pieces, rest = pieces_of(tokenizer, tokenizer.encode(text).ids)
    assert "".join(pieces) + rest == text
    if REPLACEMENT not in text:
        assert rest == ""
        assert all(REPLACEMENT not in piece for piece in pieces), "a character was cut"


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=40).filter(lambda text: "▁" not in text and "<" not in text))
def test_any_text_comes_out_as_it_is(kind, text):
    tokenizer = TOKENIZERS[kind]
    pieces, rest = pieces_of(tokenizer, tokenizer.encode(text).ids)
    assert "".join(pieces) + rest == text


def test_a_character_comes_when_its_last_byte_does():
    tokenizer = TOKENIZERS["byte level"]
    pieces, _ = pieces_of(tokenizer, tokenizer.encode("a水b").ids)
    assert pieces == ["a", "", "", "水", "b"]


def test_words_that_continue_keep_their_space():
    tokenizer = TOKENIZERS["sentencepiece"]
    ids = [tokenizer.token_to_id(piece) for piece in ("words", "▁and", "▁two", "▁▁", "words")]
    assert pieces_of(tokenizer, ids)[0] == ["words", " and", " two", "  ", "words"]


def test_special_tokens_are_no_text():
    tokenizer = TOKENIZERS["byte level"]
    end = tokenizer.token_to_id("<|end|>")
    ids = tokenizer.encode("ab").ids
    assert pieces_of(tokenizer, [end, ids[0], end, ids[1]])[0] == ["", "a", "", "b"]


def test_bytes_that_never_become_a_character_come_out_at_the_end():
    tokenizer = TOKENIZERS["byte level"]
    ids = tokenizer.encode("a水").ids[:-1]
    pieces, rest = pieces_of(tokenizer, ids)
    assert pieces == ["a", "", ""]
    assert rest == tokenizer.decode(ids)[1:]


def test_garbage_does_not_pile_up():
    tokenizer = TOKENIZERS["byte level"]
    continuation = tokenizer.encode("水").ids[2]  # no character begins with this byte
    detokenizer = Detokenizer(tokenizer)
    text = "".join(detokenizer.push(continuation) for _ in range(1000))
    assert len(detokenizer._window) < 200
    text += detokenizer.push(tokenizer.encode("x").ids[0])
    assert text + detokenizer.flush() == REPLACEMENT * 1000 + "x"
