"""Extracts every message that can end a run from the source of both sides, without importing or running it.

A message is a text that the source passes to an exception, a finding, a stop reason or a usability check, or adds to
a list that one of these reports as a whole, or that a generator of faults yields. Placeholders stand for its variable
parts: `the weights add up to …`.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PLACEHOLDER = "…"
SOURCES = ("dags", "plugins/engagement", "glue_jobs")
DASHBOARD = "ui/*.py"  # runs in the API server; its messages end no run

FIELD = re.compile(r"\{[a-z_]+(:[^{}]*)?\}")  # of a text for `format`
EXCEPTION = re.compile(r"[A-Z]\w*(Error|Exception)")
CARRIERS: Mapping[str, tuple[str | int, ...]] = {
    "Finding": ("code", "detail", 0, 2),
    "StopReason": (0, 1),
    "RunVerdict": (2, 3),
    "LoadedManifest": ("code", "detail"),
    "GlueRuns": (2, "error"),
    "_apply_threshold": (2, "description"),  # in drift.py
    "damaged_footer": (1,),  # in footers.py
}
"""Calls that carry codes and messages, and the arguments that hold them."""
LISTS = ("problems", "faults", "wrong", "broken", "differences", "errors")
"""Variables whose texts are reported together by a carrier."""
ATTRIBUTES = ("failed",)
"""Attributes whose text is reported by a carrier."""
FUNCTIONS_WITH_TEXT = (
    "describe_fault",
    "describe_problem",
    "describe_failure",
    "describe_proxy_failure",
    "_no_extract",
)
"""Functions whose return value is reported by a carrier in another module."""
ERRORS = ("error", "detail", "problem")
"""Variables and attributes with the text of an error, which may end with a full stop."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

Names = Mapping[str, list[ast.expr]]
Functions = Mapping[str, ast.FunctionDef | ast.AsyncFunctionDef]


@dataclass(frozen=True)
class Message:
    """A message or a code in the source.

    :param line: the line of the carrier
    :param carrier: the exception, call, list, attribute or function that carries it
    """

    path: str
    line: int
    carrier: str
    text: str

    @property
    def is_code(self) -> bool:
        """Whether it is a code, such as `canary_refused`."""
        matches = re.fullmatch(rf"(?=.*[a-z])[a-z_{PLACEHOLDER}]+", self.text) is not None
        return matches and self.carrier in ("Finding", "StopReason", "RunVerdict", "LoadedManifest")

    @property
    def is_searchable(self) -> bool:
        """Whether it has fixed words to search for; if not, it is a part of another message."""
        is_part = self.carrier == "describe_fault" and PLACEHOLDER not in self.text
        return not is_part and len(re.findall(r"[A-Za-z_]{2,}", self.text)) > 1


def sources() -> dict[str, str]:
    """Return the source of every module that can end a run, by path."""
    paths = [path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.py")) if not path.match(DASHBOARD)]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def of_repository() -> list[Message]:
    """Return the messages of both sides."""
    modules = sources()
    constants = {
        name: values
        for source in modules.values()
        for name, values in _assignments(ast.parse(source)).items()
        if name.isupper()
    }
    return [message for path, source in modules.items() for message in of_source(path, source, constants)]


def errors_before_a_full_stop(source: str) -> Iterator[tuple[str, int]]:
    """Yield name and line of each error whose text is followed by a full stop as it is."""
    for node in ast.walk(ast.parse(source)):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        for value, rest in itertools.pairwise(parts):
            if isinstance(value, ast.FormattedValue) and isinstance(rest, ast.Constant):
                name = _name(value.value)
                if name in ERRORS and str(rest.value).startswith("."):
                    yield name, value.lineno


def of_source(path: str, source: str, constants: Names | None = None) -> list[Message]:
    """Return the messages of one module.

    :param constants: constants of other modules, which this one may import
    """
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    by_name = {function.name: function for function in functions}
    shared = {**(constants or {}), **_assignments(tree)}
    found = [
        Message(path, expression.lineno, carrier, text)
        for scope in (tree, *functions)
        for carrier, expression in _carried_expressions(scope, by_name)
        for text in _possible_texts(expression, {**shared, **_assignments(scope)}, by_name)
    ]
    return list(dict.fromkeys(found))


def _carried_expressions(scope: ast.AST, functions: Functions) -> Iterator[tuple[str, ast.expr]]:
    """Yield the carriers of a function, without its nested functions, and what they carry."""
    scope_name = getattr(scope, "name", "")
    for node in _walk_scope(scope):
        if isinstance(node, ast.Call):
            called = _name(node.func)
            owner = _name(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            if EXCEPTION.fullmatch(called) or _returns_exception(functions.get(called)):
                yield from ((called, argument) for argument in node.args)
            elif called in ("append", "extend") and owner in LISTS:
                yield owner, node.args[0]
            arguments = dict(enumerate(node.args)) | {keyword.arg: keyword.value for keyword in node.keywords}
            yield from ((called, arguments[key]) for key in CARRIERS.get(called, ()) if key in arguments)
        elif isinstance(node, ast.Assign):
            target = _name(node.targets[0])
            if target in (ATTRIBUTES if isinstance(node.targets[0], ast.Attribute) else LISTS):
                yield target, node.value
        elif isinstance(node, ast.AugAssign) and _name(node.target) in LISTS:
            yield _name(node.target), node.value
        elif isinstance(node, _ends_with_text(scope_name)) and node.value:
            yield scope_name, node.value


def _ends_with_text(function: str) -> tuple[type[ast.Return | ast.Yield | ast.YieldFrom], ...]:
    """Return the nodes whose value is a message in a function of this name."""
    if function.endswith("_faults"):
        return (ast.Yield, ast.YieldFrom)
    return (ast.Return,) if function in FUNCTIONS_WITH_TEXT else ()


def _returns_exception(function: ast.AST | None) -> bool:
    if function is None:
        return False
    values = [node.value for node in _walk_scope(function) if isinstance(node, ast.Return)]
    return any(isinstance(value, ast.Call) and EXCEPTION.fullmatch(_name(value.func)) for value in values)


def _possible_texts(node: ast.AST, names: Names, functions: Functions) -> Iterator[str]:
    """Yield all texts that an expression may evaluate to. Variables and function calls are resolved."""
    name = _name(node)
    if isinstance(node, ast.Name) or name.isupper():
        others = {other: values for other, values in names.items() if other != name}
        for value in names.get(name, ()):
            yield from _possible_texts(value, others, functions)
        return
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield _text(node)
    for call in ast.walk(node) if isinstance(node, ast.JoinedStr) else (node,):
        if isinstance(call, ast.Call) and (function := functions.get(_name(call.func))):
            other_functions = {name: known for name, known in functions.items() if known is not function}
            for inner in _walk_scope(function):
                if isinstance(inner, ast.Return) and inner.value:
                    yield from _possible_texts(inner.value, _assignments(function), other_functions)
    if not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from _possible_texts(child, names, functions)


def _text(node: ast.JoinedStr | ast.Constant) -> str:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = "".join(str(part.value) if isinstance(part, ast.Constant) else PLACEHOLDER for part in parts)
    text = FIELD.sub(PLACEHOLDER, text)
    return " ".join(text.split())


def _assignments(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """Return the values assigned to each name in a function, or in a module outside its functions."""
    values: dict[str, list[ast.expr]] = {}
    for node in _walk_scope(scope):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            for each in target.elts if isinstance(target, ast.Tuple) else [target]:
                values.setdefault(_name(each), []).append(node.value)
    return values


def _walk_scope(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes below `scope`, except those in nested functions."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, FUNCTIONS):
            yield child
            yield from _walk_scope(child)


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
