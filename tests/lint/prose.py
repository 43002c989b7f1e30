"""Words that the project does not use, searched for in comments, strings, documents and names of tests.

`words.txt` has one regular expression a line, and what to write instead. Only words without a second, good meaning
are listed: a check that is wrong now and then gets switched off.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

DOCUMENTS = {
    ".css",
    ".html",
    ".in",
    ".j2",
    ".js",
    ".md",
    ".properties",
    ".sh",
    ".toml",
    ".yaml",
    ".yml",
    "",
}  # "": Makefile etc.
EXEMPT = {"LICENSE"}
_F_STRING = getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)  # since Python 3.12 a token of its own


def _read_words() -> list[tuple[re.Pattern[str], str]]:
    lines = Path(__file__).with_name("words.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition(" -> ") for line in lines if line and not line.startswith("#")]
    return [(_compile(words), better) for words, _, better in pairs]


def _compile(words: str) -> re.Pattern[str]:
    words = words.replace(" ", r"\s+(?:[#*/]+\s*)?")  # a phrase may continue on the next line of a comment
    return re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE)


WORDS = _read_words()


def check_file(path: Path, source: str) -> Iterator[str]:
    """Report the banned words of one file.

    :param path: the file, relative to the repository; of Python files only comments and strings are read
    """
    if path.name in EXEMPT or path.suffix not in {".py", *DOCUMENTS}:
        return
    for number, text in _prose(source) if path.suffix == ".py" else [(1, source)]:
        for words, better in WORDS:
            for match in words.finditer(text):
                line = number + text.count("\n", 0, match.start())
                yield f"{path}:{line}: {match.group()!r}: write {better}"


def _prose(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING, _F_STRING):
            yield token.start[0], re.sub(r"\\[abfnrtv]", "  ", token.string)
        elif token.type == tokenize.NAME and token.string.startswith("test_"):
            yield token.start[0], token.string.replace("_", " ")
