"""Templates render as the usual renderer does, and hostile ones are stopped quickly and in little memory."""

import time
import tracemalloc

import pytest

from ragedge.datatypes import Message
from ragedge.errors import ModelIntegrityError
from ragedge.models.chat_template import ChatTemplate
from ragedge.models.compile.chat_template_default import default_template

CHAT = [
    Message("system", "Be brief."),
    Message("user", "Torque? {{ 1 + 1 }} <|im_end|>"),
    Message("assistant", "39"),
]
CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
    "'\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA_LIKE = """{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}
    {%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}{%- set first_user_prefix = "" -%}{%- set loop_messages = messages -%}{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate") }}
    {%- endif -%}
    {%- set role = "model" if message['role'] == 'assistant' else message['role'] -%}
    {{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}{{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}{%- for item in message['content'] -%}{{ item.text }}{%- endfor -%}
    {%- endif -%}{{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"""
OTHER = """{%- if tools %}{{ tools | tojson(indent=2) }}{% endif %}
{%- set ns = namespace(last=messages|length - 1, seen='') %}
{%- for m in messages[::-1] %}{% if m.role == "user" %}{% set ns.last = loop.index0 %}{% break %}{% endif %}{% endfor %}
{%- for m in messages %}{{ m.role|upper ~ ': ' ~ m.content.split('</think>')[-1].lstrip('\n')|replace('e', 'E') }}
{%- endfor %}{{ ns.last }}{{ [1, 2, 3]|join('-') }}{{ {'a': [1, 'é']} | tojson }}{{ range(3)|list }}"""


def usual_renderer(text, **variables):
    """As the transformers package sets Jinja up."""
    import json

    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(
        value, ensure_ascii=False, indent=indent
    )
    return environment.from_string(text).render(**variables)


@pytest.mark.parametrize("text", [CHATML, GEMMA_LIKE, OTHER], ids=["chatml", "gemma", "other"])
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("prompt", [True, False])
def test_renders_as_the_usual_renderer_does(text, count, prompt):
    chat = CHAT[:count]
    variables = {
        "messages": [{"role": m.role, "content": m.content} for m in chat],
        "add_generation_prompt": prompt,
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "tools": None,
    }
    found = ChatTemplate(text).render(
        chat, add_generation_prompt=prompt, bos_token="<bos>", eos_token="<eos>"
    )
    assert found == usual_renderer(text, **variables)


def test_content_is_never_run_as_a_template():
    assert "{{ 1 + 1 }}" in ChatTemplate(CHATML).render(CHAT)


def test_no_template_gives_a_plain_transcript():
    assert ChatTemplate("").render(CHAT[:2]).endswith("\n\nassistant:")


def test_equal_conversations_give_equal_bytes_whatever_the_clock():
    text = "{{ strftime_now('%d %b %Y %H:%M:%S.%f') }}{{ messages[0].content }}"
    template = ChatTemplate(text)
    assert template.render(CHAT) == template.render(CHAT) == ChatTemplate(text).render(CHAT)


HOSTILE = {
    "repetition": "{{ 'a' * 1000000000 }}",
    "repeated list": "{{ [0] * 1000000000 }}",
    "power": "{{ 9 ** 999999999 }}",
    "doubling": "{% set n = namespace(x='aa') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
    "adding": "{% set n = namespace(x='aa') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}",
    "squaring": "{% set n = namespace(x=9) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}{{ n.x }}",
    "captured": "{% set x %}aaaa{% endset %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 60,
    "nested lists": "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}",
    "nested dicts": "{% set n = namespace(x=1) %}{% for i in range(99) %}{% set n.x = {1: n.x, 2: n.x} %}{% endfor %}",
    "dict calls": "{% set n = namespace(x=1) %}{% for i in range(99) %}{% set n.x = dict(a=n.x, b=n.x) %}{% endfor %}",
    "loops in loops": "{% for i in range(4000) %}{% for j in range(4000) %}{% endfor %}{% endfor %}",
    "long range": "{% for i in range(999999999) %}{% endfor %}",
    "recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "forking macro": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "recursive loop": "{% for x in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "ljust": "{{ 'a'.ljust(1000000000) }}",
    "zfill": "{{ 'a'.zfill(1000000000) }}",
    "expandtabs": "{{ '\t'.expandtabs(1000000000) }}",
    "center": "{{ 'a' | center(1000000000) }}",
    "center by name": "{{ ['a'] | map('center', 1000000000) | list }}",
    "indent": "{{ 'a\na' | indent(1000000000) }}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "format": "{{ '{:1000000000}'.format(1) }}",
    "format filter": "{{ '%1000000000d' | format(1) }}",
    "format by name": "{{ ''['format'] }}{{ '{:1000000000}'['format'](1) }}",
    "replace": "{% set x = 'a' * 1 %}{{ ('a' ~ messages[1].content).replace('', 'b' * 1) }}",
    "replace growing": "{% set n = namespace(x='aa') %}{% for i in range(99) %}"
    "{% set n.x = n.x.replace('a', n.x) %}{% endfor %}",
    "join growing": "{% set n = namespace(x='aa') %}{% for i in range(99) %}{% set n.x = n.x.join(n.x) %}{% endfor %}",
    "lorem": "{{ lipsum(n=1000000) }}",
    "long output": "{% for i in range(4000) %}{{ 'a' ~ messages[1].content }}{% for j in range(9) %}"
    "{{ messages }}{{ messages }}{{ messages }}{% endfor %}{% endfor %}",
    "internals": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "internals by attr": "{{ '' | attr('__class__') }}",
    "globals of a macro": "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}",
    "changes the messages": "{{ messages.append(1) }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'x' as x %}",
    "deep parentheses": "{{" + "(" * 9000 + "1" + ")" * 9000 + "}}",
    "deep blocks": "{% if 1 %}" * 5000 + "{% endif %}" * 5000,
    "too long": "a" * 70_000,
    "not a template": "{% for %}",
    "unknown tag": "{% os %}",
    "refusal": "{{ raise_exception(messages[1].content) }}",
    "division": "{{ 1 / 0 }}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_template_is_stopped(name):
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(ModelIntegrityError) as caught:
            ChatTemplate(HOSTILE[name]).render(CHAT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 300e6
    assert time.process_time() - began < 30  # the limit is on steps; tracing alone costs some of this
    assert "Torque" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("tokens", "begin", "end"),
    [
        (["<|im_start|>", "<|im_end|>"], "<|im_start|>system\nBe brief.", "<|im_start|>assistant\n"),
        (["<start_of_turn>", "<end_of_turn>"], "<bos><start_of_turn>user\nBe brief.\n\nTorque?", "model\n"),
        (
            ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
            "<bos><|start_header_id|>system<|end_header_id|>\n\nBe",
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (["a"], "system: Be brief.", "assistant:"),
    ],
)
def test_a_file_without_a_template_gets_that_of_its_turn_tokens(tokens, begin, end):
    prompt = ChatTemplate(default_template(tokens)).render(CHAT[:2], bos_token="<bos>")
    assert prompt.startswith(begin)
    assert prompt.endswith(end)


def test_an_error_after_a_stopped_rendering_leaves_the_template_usable():
    template = ChatTemplate("{% if messages|length > 2 %}{{ 1 / 0 }}{% endif %}{{ messages[0].content }}")
    with pytest.raises(ModelIntegrityError):
        template.render(CHAT)
    assert template.render(CHAT[:1]) == "Be brief."
