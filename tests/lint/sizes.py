"""Limits of size: a reader sees a package, a file or a function as a whole, or the reason why not.

A class or function that has to be larger says why in a comment `# size: REASON` on its first line, a file on the last
line of its docstring.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

PRODUCT = ("dags", "plugins", "glue_jobs", "infra", "local", "benchmarks")
MAX_MODULES = 15  # of a package, __init__.py not counted
MAX_FILE_LINES = 250
MAX_FUNCTION_LINES = 40  # docstring not counted
MAX_METHODS = 12
MAX_TEST_NAME = 60  # characters

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def check_packages(paths: Iterable[Path]) -> Iterator[str]:
    """Report the packages of the product that have too many modules.

    :param paths: Python files, relative to the repository
    """
    modules = Counter(path.parent for path in paths if path.parts[0] in PRODUCT and path.name != "__init__.py")
    for folder, count in sorted(modules.items()):
        if count > MAX_MODULES:
            yield f"{folder}: {count} modules, at most {MAX_MODULES} are allowed; split the package by purpose"


def check_file(path: Path, source: str) -> Iterator[str]:
    """Report what is too large in one file.

    :param path: the file, relative to the repository; in tests/ only the names of tests are checked
    """
    lines = source.splitlines()
    tree = ast.parse(source)
    if path.parts[0] == "tests":
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS) and node.name.startswith("test_") and len(node.name) > MAX_TEST_NAME:
                yield f"{path}:{node.lineno}: {node.name} has {len(node.name)} characters, the limit is {MAX_TEST_NAME}"
        return
    if len(lines) > MAX_FILE_LINES and not _has_reason(lines[(tree.body[0].end_lineno or 1) - 1]):
        yield f"{path}: {len(lines)} lines, the limit is {MAX_FILE_LINES}"
    for node in ast.walk(tree):
        if not isinstance(node, (ast.ClassDef, *FUNCTIONS)) or _has_reason(lines[node.lineno - 1]):
            continue
        if isinstance(node, ast.ClassDef):
            count, limit, unit = sum(isinstance(child, FUNCTIONS) for child in node.body), MAX_METHODS, "methods"
        else:
            count, limit, unit = _code_lines(node), MAX_FUNCTION_LINES, "lines"
        if count > limit:
            yield f"{path}:{node.lineno}: {node.name} has {count} {unit}, the limit is {limit}"


def _has_reason(line: str) -> bool:
    return re.search(r"# size: \w", line) is not None


def _code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    docstring = 0
    if ast.get_docstring(function, clean=False) is not None:
        docstring = (first.end_lineno or first.lineno) - first.lineno + 1
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring
