import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from test_onnx_generator import ask, opened

from ragedge.datatypes import GenerationOptions
from ragedge.errors import DamagedError, SessionMismatchError
from ragedge.runtime.kv_state import KvState
from ragedge.testing.tiny_decoder import write_tiny_decoder

WARM = GenerationOptions(max_new_tokens=30, temperature=0.9, seed=11)
GREEDY = GenerationOptions(max_new_tokens=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_decoder(folder)
    return folder


@pytest.mark.parametrize("options", [GREEDY, WARM])
@pytest.mark.parametrize("pieces", [1, 2, 7, 20])
def test_an_answer_saved_in_the_middle_goes_on_as_if_it_had_not_stopped(folder, options, pieces):
    prompt = ask("abcabcabc 5 " * 4)
    whole = "".join(opened(folder).generate(prompt, options))
    generator = opened(folder)
    generation = generator.generate(prompt, options)
    begun = "".join(itertools.islice(generation, pieces))
    data = generator.save(generation)
    generation.close()
    following = opened(folder).resume(data)
    assert begun + "".join(following) == whole
    assert following.stats.new_tokens == 30


def test_an_answer_that_had_ended_has_nothing_to_follow(folder):
    generator = opened(folder)
    generation = generator.generate(ask("x"), GREEDY)
    list(generation)
    assert list(opened(folder).resume(generator.save(generation))) == []


def test_saving_does_not_disturb_the_answer_under_way(folder):
    generator = opened(folder)
    generation = generator.generate(ask("x y z"), WARM)
    text = next(generation) + next(generation)
    generator.save(generation)
    assert text + "".join(generation) == "".join(opened(folder).generate(ask("x y z"), WARM))


def test_after_an_abort_no_more_is_saved_than_was_handed_out(folder):
    generator = opened(folder)
    generation = generator.generate(ask("abcabcabc 5 " * 4), GREEDY)
    begun = next(generation) + next(generation)
    generation.close()
    following = opened(folder).resume(generator.save(generation))
    whole = "".join(opened(folder).generate(ask("abcabcabc 5 " * 4), GREEDY))
    assert begun + "".join(following) == whole


def test_one_that_another_has_overwritten_is_saved_all_the_same(folder):
    generator = opened(folder)
    generation = generator.generate(ask("abcabcabc 5 " * 4), GREEDY)
    begun = next(generation)
    list(generator.generate(ask("something else altogether"), GREEDY))
    following = opened(folder).resume(generator.save(generation))
    assert begun + "".join(following) == "".join(opened(folder).generate(ask("abcabcabc 5 " * 4), GREEDY))


def test_a_prompt_that_begins_like_a_loaded_one_is_not_read_again(folder):
    first = opened(folder)
    generation = first.generate(ask("The same long beginning, then one."), GREEDY)
    list(generation)
    data = first.save(generation, note={"blocks": ["日本"]})
    longer = ask("The same long beginning, then another.")
    other = opened(folder)
    assert other.load(data) == {"blocks": ["日本"]}
    following = other.generate(longer, GREEDY)
    text = "".join(following)
    assert following.stats.cached_tokens > 30
    assert text == "".join(opened(folder).generate(longer, GREEDY))


def test_what_was_read_last_is_saved_without_a_generation(folder):
    first = opened(folder)
    list(first.generate(ask("a beginning that comes again"), GREEDY))
    other = opened(folder)
    data = first.save()
    assert other.load(data) is None
    again = other.generate(ask("a beginning that comes again"), GREEDY)
    list(again)
    assert again.stats.cached_tokens == again.stats.prompt_tokens - 2
    with pytest.raises(ValueError, match="no answer to go on with"):
        other.resume(data)


def test_another_model_is_refused(folder, tmp_path):
    write_tiny_decoder(tmp_path, seed=1)
    generator = opened(folder)
    generation = generator.generate(ask("x"), GREEDY)
    next(generation)
    data = generator.save(generation)
    for refused in (opened(tmp_path).load, opened(tmp_path).resume):
        with pytest.raises(SessionMismatchError, match="was made by tiny"):
            refused(data)


@pytest.mark.parametrize("part", ["tokenizer.json", "chat_template.jinja", "model.onnx"])
def test_another_tokenizer_template_or_quantization_is_another_model(folder, part):
    import msgspec
    from msgspec.structs import replace

    from ragedge.models.manifest import FileRecord, Manifest

    generator = opened(folder)
    list(generator.generate(ask("x"), GREEDY))
    data = generator.save()
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    other = opened(folder)
    files = {**manifest.files, part: FileRecord(sha256="1" * 64, bytes=1)}
    other.fingerprint = replace(manifest, files=files).fingerprint
    with pytest.raises(SessionMismatchError):
        other.load(data)


@pytest.mark.parametrize("at", [0, 20, 60, 400, -1])
def test_a_flipped_bit_is_noticed(folder, at):
    generator = opened(folder)
    list(generator.generate(ask("x"), GREEDY))
    data = bytearray(generator.save())
    data[at] ^= 1
    with pytest.raises(DamagedError, match="not what was written"):
        generator.load(bytes(data))


def test_half_the_bytes_are_half_the_file(folder):
    generator = opened(folder)
    list(generator.generate(ask("a longer text than that " * 4), GREEDY))
    whole = len(generator.save())
    generator._slots.dtype = np.dtype(np.float16)
    data = generator.save()
    assert len(data) < 0.52 * whole
    other = opened(folder)
    other.load(data)
    again = other.generate(ask("a longer text than that " * 4), GREEDY)
    list(again)
    assert again.stats.cached_tokens == again.stats.prompt_tokens - 2


def test_a_window_too_small_for_all_of_it_takes_the_beginning(folder):
    generator = opened(folder)
    list(generator.generate(ask("a longer text than that " * 5), GREEDY))
    small = opened(folder, context_window=64)
    small.load(generator.save())
    assert small._decoder.length == 64
    assert isinstance(small._decoder.state(), KvState)


def test_another_process_goes_on_with_the_same_tokens(folder, tmp_path):
    prompt = "abcabcabc 5 " * 4
    generator = opened(folder)
    generation = generator.generate(ask(prompt), WARM)
    begun = "".join(next(generation) for _ in range(5))
    (tmp_path / "saved").write_bytes(generator.save(generation))
    code = (
        "import sys, json, msgspec; from pathlib import Path; import ragedge\n"
        "from ragedge.generate.onnx_generator import OnnxGenerator\n"
        "from ragedge.models.manifest import Manifest\n"
        "from ragedge.runtime.cpu_backend import create\n"
        "folder = Path(sys.argv[1]); data = Path(sys.argv[2]).read_bytes()\n"
        "m = msgspec.json.decode((folder / 'manifest.json').read_bytes(), type=Manifest)\n"
        "g = OnnxGenerator.open(folder, m, create({}), threads=2, context_window=256)\n"
        "print(json.dumps(''.join(g.resume(data))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(tmp_path / "saved")],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert begun + json.loads(done.stdout) == "".join(opened(folder).generate(ask(prompt), WARM))
