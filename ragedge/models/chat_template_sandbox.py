"""Runs a Jinja template that may be hostile, within fixed limits.

Jinja's own sandbox keeps a template from Python's internals, not from a device's memory and time:
``'a' * 10**9``, doubling a string in a loop, ``ljust(10**9)``, a macro that calls itself twice. So every
loop turn, call, filter and operator is counted here, and whatever they make is weighed before it grows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jinja2 import nodes
from jinja2.ext import loopcontrols
from jinja2.filters import FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

MAX_TEMPLATE_CHARS = 65_536
MAX_WEIGHT = 1 << 20  # characters and elements in any one value, and in the result
_MAX_STEPS = 50_000  # loop turns, calls, filters and operators in one rendering
_MAX_SECONDS = 2.0
_MAX_RANGE = 4096
_MAX_INTEGER = 1 << 62

_PLAIN_FILTERS = (
    "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items", "last", "length",
    "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "select", "selectattr", "sort", "title",
    "trim", "unique", "upper",
)  # fmt: skip
_STRING_METHODS = frozenset({
    "capitalize", "count", "endswith", "find", "index", "isalpha", "isdigit", "isspace", "join", "lower", "lstrip",
    "removeprefix", "removesuffix", "replace", "rfind", "rsplit", "rstrip", "split", "splitlines", "startswith",
    "strip", "title", "upper",
})  # fmt: skip
_REFUSED_NODES = (
    nodes.Extends,
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.ScopedEvalContextModifier,
)


class LimitError(Exception):
    """A template asked for more than it may have."""


def weigh(value: Any) -> int:
    """Count a value's characters and elements, stopping at the limit.

    Raises:
        LimitError: more than the limit, or a value that has no business in text.
    """
    weight, pending = 0, [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            weight += len(item)
        elif isinstance(item, Mapping):
            pending.extend(item.keys())
            pending.extend(item.values())
        elif isinstance(item, list | tuple):
            pending.extend(item)
        elif isinstance(item, int) and abs(item) > _MAX_INTEGER:
            raise LimitError("a number too large")
        weight += 1
        if weight + len(pending) > MAX_WEIGHT:
            raise LimitError("a value too large")
    return weight


class Sandbox(ImmutableSandboxedEnvironment):
    """Compiles and renders one template. Not shared between threads: the step count is its state."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, optimized=False, extensions=[loopcontrols])
        self._steps, self._deadline = 0, 0.0
        filters: dict[str, Callable[..., Any]] = {name: FILTERS[name] for name in _PLAIN_FILTERS}
        self.filters = {name: self._counted_filter(call) for name, call in filters.items()}
        own: dict[str, Callable[..., Any]] = {
            "join": _join,
            "replace": _replace,
            "indent": _indent,
            "tojson": _to_json,
            "string": _string,
        }
        for name, call in (own | {"safe": _string, "_bounded": _same}).items():
            self.filters[name] = self._counted_filter(call)
        self.filters["_turns"] = self._turns
        self.globals = {
            "range": _range, "namespace": Namespace, "dict": dict, "raise_exception": _refuse,
            "strftime_now": _no_clock,
        }  # fmt: skip
        self.finalize = _printable
        self.concat = self._concat  # type: ignore[method-assign]

    def prepare(self, source: str) -> Callable[[dict[str, Any]], str]:
        """Compile a template; the result renders it over variables.

        Raises:
            LimitError: the template is too long, or uses what none needs.
            jinja2.TemplateError: it is not a template.
        """
        if len(source) > MAX_TEMPLATE_CHARS:
            raise LimitError(f"{len(source)} characters; at most {MAX_TEMPLATE_CHARS}")
        self._start()
        tree = self.parse(source)
        for refused in _REFUSED_NODES:
            if tree.find(refused) is not None:
                raise LimitError(f"uses {refused.__name__}")
        _Instrument().visit(tree)
        code = self.compile(tree)
        template = self.template_class.from_code(self, code, self.make_globals(None))

        def render(variables: dict[str, Any]) -> str:
            self._start()
            parts, length = [], 0
            for part in template.generate(variables):
                length += len(part)
                if length > MAX_WEIGHT:
                    raise LimitError("a result too long")
                parts.append(part)
            return "".join(parts)

        return render

    def _start(self) -> None:
        self._steps, self._deadline = 0, time.monotonic() + _MAX_SECONDS

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS or time.monotonic() > self._deadline:
            raise LimitError("too many steps")

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Count a call and weigh what it returns."""
        self._step()
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if isinstance(owner, str) and name == "replace":
            function, args = _replace, (owner, *args)
        elif isinstance(owner, str) and name == "join":
            function, args = _join, (*args, owner)
        result = super().call(context, function, *args, **kwargs)
        if isinstance(result, str | list | tuple | Mapping | int):
            weigh(result)
        return result

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Count an operator and weigh its result before there is one."""
        self._step()
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise LimitError(f"the operator {operator}")
        if operator == "*" and not all(isinstance(side, int | float) for side in (left, right)):
            raise LimitError("repetition")
        if operator == "+" and isinstance(left, str | list | tuple):
            weigh((left, right))
        result = super().call_binop(context, operator, left, right)
        weigh(result)
        return result

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allow the methods of strings that cannot grow them without being weighed."""
        if isinstance(obj, str) and attr not in _STRING_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Any:
        """Refuse ``str.format``: a width in it is memory."""
        if getattr(value, "__name__", "") in ("format", "format_map") and isinstance(
            getattr(value, "__self__", None), str
        ):
            raise LimitError("str.format")
        return None

    def _counted_filter(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self._step()
            result = function(*args, **kwargs)
            if isinstance(result, str | list | tuple | Mapping | int):
                weigh(result)
            return result

        for flag in ("jinja_pass_arg",):  # whether Jinja hands it the context or the environment first
            if hasattr(function, flag):
                setattr(counted, flag, getattr(function, flag))
        return counted

    def _turns(self, items: Iterable[Any]) -> Iterator[Any] | Any:
        try:
            length = len(items)  # type: ignore[arg-type]
        except TypeError:
            return self._lazy_turns(items)
        if length > _MAX_STEPS:
            raise LimitError("too many loop turns")
        self._steps += length
        self._step()
        return items

    def _lazy_turns(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._step()
            yield item

    def _concat(self, parts: Iterable[str]) -> str:
        kept, length = [], 0
        for part in parts:
            length += len(part)
            if length > MAX_WEIGHT:
                raise LimitError("a text too long")
            kept.append(part)
        self._step()
        return "".join(kept)


class _Instrument(NodeTransformer):
    """Routes what Jinja evaluates by itself (loops, ``~``, literals) through counted filters."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "_turns")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:
        self.generic_visit(node)
        joined: nodes.Expr = _filtered(node.nodes[0], "string")
        for part in node.nodes[1:]:
            joined = nodes.Add(joined, _filtered(part, "string"), lineno=node.lineno)
        return joined

    def visit_List(self, node: nodes.List) -> nodes.Expr:
        self.generic_visit(node)
        return _filtered(node, "_bounded")

    def visit_Dict(self, node: nodes.Dict) -> nodes.Expr:
        self.generic_visit(node)
        return _filtered(node, "_bounded")

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:
        self.generic_visit(node)
        return _filtered(node, "_bounded") if node.ctx == "load" else node


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    assert isinstance(node, nodes.Expr)
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _same(value: Any) -> Any:
    return value


def _string(value: Any) -> str:
    return str(_printable(value))


def _printable(value: Any) -> Any:
    from jinja2 import Undefined

    if not isinstance(value, str | int | float | list | tuple | Mapping | Undefined | None):
        raise LimitError(f"printing a {type(value).__name__}")
    weigh(value)
    return value


def _range(*bounds: int) -> range:
    result = range(*bounds)
    if len(result) > _MAX_RANGE:
        raise LimitError("a range too long")
    return result


def _refuse(_message: object = "") -> None:
    raise LimitError("the template refuses this conversation")  # its own words may quote the conversation


def _no_clock(_format: str = "") -> str:
    """No clock: a prompt must be the same bytes tomorrow, or no cached prefix fits."""
    return "26 Jul 2024"  # what the templates that ask for a date fall back to


def _join(items: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    parts = [_string(item if attribute is None else item.get(attribute, "")) for item in items]
    if sum(map(len, parts)) + len(separator) * len(parts) > MAX_WEIGHT:
        raise LimitError("a joined text too long")
    return str(separator).join(parts)


def _replace(text: Any, old: str, new: str, count: int = -1) -> str:
    text = _string(text)
    times = text.count(old) if count is None or count < 0 else min(count, text.count(old))
    if len(text) + times * len(new) > MAX_WEIGHT:
        raise LimitError("a replaced text too long")
    replaced: str = text.replace(old, new, times)
    return replaced


def _indent(text: Any, width: int = 4, first: bool = False, blank: bool = False) -> str:
    text = _string(text)
    if (
        not isinstance(width, int)
        or not 0 <= width <= 64
        or len(text) + width * (text.count("\n") + 1) > MAX_WEIGHT
    ):
        raise LimitError("an indented text too long")
    lines = text.split("\n")
    pad = " " * width
    return "\n".join(
        pad + line if (first if number == 0 else True) and (line or blank) else line
        for number, line in enumerate(lines)
    )


def _to_json(value: Any, indent: int | None = None, ensure_ascii: bool = False) -> str:
    weigh(value)
    if indent is not None and not 0 <= indent <= 8:
        raise LimitError("an indented text too long")
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)
