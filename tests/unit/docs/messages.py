"""Every message that can end a run, read from the source of both sides: nothing is imported, nothing is run.

A message is what the source gives to an exception, to a finding of the verdict, to a stop of the delivery, or to a list
of problems that one of these tells as a whole. Its variable parts are holes: `the weights sum to …, wanted 1`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
HOLE = "…"
SOURCES = ("dags", "plugins/engagement", "glue_jobs")
PAGE = "ui/*.py"  # runs in the API server; what it says ends no run

EXCEPTION = re.compile(r"[A-Z]\w*(Error|Exception)")
CARRIERS: Mapping[str, tuple[str | int, ...]] = {
    "Finding": ("code", "detail", 0, 2),
    "StopReason": (0, 1),
    "LoadedManifest": ("code", "detail"),
    "GlueRuns": (2, "error"),
    "_apply_threshold": (2, "description"),  # of drift.py
}
"""What carries messages, and in which arguments: a machine word, what a person reads."""
LISTS = ("problems", "faults", "wrong", "broken", "differing")
ATTRIBUTES = ("failed",)
"""Names of what is told as a whole by one of the others."""
TELLING = ("describe_fault", "_told")
"""Functions whose answer another module tells."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

Names = Mapping[str, list[ast.expr]]
Functions = Mapping[str, ast.FunctionDef | ast.AsyncFunctionDef]


@dataclass(frozen=True)
class Message:
    """What a person may read, or a machine word.

    :param line: where it is given to its carrier
    :param carrier: the class that carries it, the list that it is put into, or the function that answers it
    """

    path: str
    line: int
    carrier: str
    text: str

    @property
    def is_word(self) -> bool:
        """Whether it is a machine word, such as `canary_refused`."""
        wordy = re.fullmatch(rf"(?=.*[a-z])[a-z_{HOLE}]+", self.text) is not None
        return wordy and self.carrier in ("Finding", "StopReason", "LoadedManifest")

    @property
    def is_searchable(self) -> bool:
        """Whether it has fixed words to search for; otherwise it is a part of another message."""
        whole = self.carrier not in TELLING or HOLE in self.text
        return whole and len(re.findall(r"[A-Za-z_]{2,}", self.text)) > 1


def of_repository() -> list[Message]:
    """The messages of both sides."""
    paths = [path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.py")) if not path.match(PAGE)]
    sources = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    constants = {
        name: values
        for source in sources.values()
        for name, values in _assigned(ast.parse(source)).items()
        if name.isupper()
    }
    return [message for path, source in sources.items() for message in of_source(path, source, constants)]


def of_source(path: str, source: str, constants: Names | None = None) -> list[Message]:
    """The messages of one module.

    :param constants: what other modules define and this one may import
    """
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    known = {function.name: function for function in functions}
    shared = {**(constants or {}), **_assigned(tree)}
    found = [
        Message(path, expression.lineno, carrier, text)
        for scope in (tree, *functions)
        for carrier, expression in _sinks(scope, known)
        for text in _told(expression, {**shared, **_assigned(scope)}, known)
    ]
    return list(dict.fromkeys(found))


def _sinks(scope: ast.AST, functions: Functions) -> Iterator[tuple[str, ast.expr]]:
    """What this function, and no function within it, gives to a carrier or a list."""
    name = getattr(scope, "name", "")
    for node in _inside(scope):
        if isinstance(node, ast.Call):
            called = _name(node.func)
            owner = _name(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            if EXCEPTION.fullmatch(called) or _makes_exceptions(functions.get(called)):
                yield from ((called, argument) for argument in node.args)
            elif called in ("append", "extend") and owner in LISTS:
                yield owner, node.args[0]
            given = dict(enumerate(node.args)) | {keyword.arg: keyword.value for keyword in node.keywords}
            yield from ((called, given[place]) for place in CARRIERS.get(called, ()) if place in given)
        elif isinstance(node, ast.Assign):
            target = _name(node.targets[0])
            if target in (ATTRIBUTES if isinstance(node.targets[0], ast.Attribute) else LISTS):
                yield target, node.value
        elif isinstance(node, ast.AugAssign) and _name(node.target) in LISTS:
            yield _name(node.target), node.value
        elif isinstance(node, ast.Return) and node.value and name in TELLING:
            yield name, node.value


def _makes_exceptions(function: ast.AST | None) -> bool:
    answers = [node.value for node in _inside(function) if isinstance(node, ast.Return)] if function else []
    return any(isinstance(answer, ast.Call) and EXCEPTION.fullmatch(_name(answer.func)) for answer in answers)


def _told(node: ast.AST, names: Names, functions: Functions) -> Iterator[str]:
    """The texts of everything that an expression may come to: variables and functions are looked into."""
    name = _name(node)
    if isinstance(node, ast.Name) or name.isupper():
        rest = {other: values for other, values in names.items() if other != name}
        for value in names.get(name, ()):
            yield from _told(value, rest, functions)
        return
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield _text(node)
    for call in ast.walk(node) if isinstance(node, ast.JoinedStr) else (node,):
        if isinstance(call, ast.Call) and (function := functions.get(_name(call.func))):
            others = {name: known for name, known in functions.items() if known is not function}
            for inner in _inside(function):
                if isinstance(inner, ast.Return) and inner.value:
                    yield from _told(inner.value, _assigned(function), others)
    for child in () if isinstance(node, ast.JoinedStr) else ast.iter_child_nodes(node):
        yield from _told(child, names, functions)


def _text(node: ast.JoinedStr | ast.Constant) -> str:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in parts)
    return " ".join(text.split())


def _assigned(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """The values that this function, or the module outside of its functions, gives to each name."""
    found: dict[str, list[ast.expr]] = {}
    for node in _inside(scope):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            for one in target.elts if isinstance(target, ast.Tuple) else [target]:
                found.setdefault(_name(one), []).append(node.value)
    return found


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, FUNCTIONS):
            yield child
            yield from _inside(child)


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
