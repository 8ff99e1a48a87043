"""A source as tokens, of which renaming, comments, layout and other constants change nothing.

Pygments reads the text, whatever is wrong with it, and neither compiles nor imports it. Some of its patterns take time that
grows with the square of a hostile text's length, so each source has so much CPU time and no more.
"""

from __future__ import annotations

import signal
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Punctuation, String, Text

MAX_CHARACTERS = 400_000  # of one submission's sources together
MAX_TOKENS = 50_000
SECONDS = 5.0  # CPU time for one submission
NAME_LENGTH = 60

NAME, NUMBER, STRING = "<name>", "<number>", "<string>"


class TooSlowError(Exception):
    """Reading the source took longer than it may."""


class Vocabulary:
    """A number for each word, in the order in which they turn up."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, word: str) -> int:
        return self._numbers.setdefault(word, len(self._numbers))


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens in order: the number of each one's word, and the part of the text that it comes from. Arrays of 64-bit integers."""

    codes: array[int] = field(default_factory=lambda: array("q"))
    starts: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("q"))


def tokens_of(texts: Sequence[tuple[int, str]], words: Vocabulary, seconds: float = SECONDS) -> Tokens:
    """The tokens of several files' texts, each with its place in the whole text; at most MAX_TOKENS.

    Must be called in the main thread, whose CPU time is what counts. Raises TooSlowError.
    """
    found = Tokens()
    with _at_most(seconds):
        for place, text in texts:
            for word, start, end in _words(text):
                if len(found.codes) == MAX_TOKENS:
                    break
                found.codes.append(words.number(word))
                found.starts.append(place + start)
                found.ends.append(place + end)
    return found


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    """Names that a student chooses are all the same; keywords, built-ins and what follows a dot are a library's.

    Imports are left out, because everybody has the same.
    """
    lexer = PythonLexer(stripnl=False, ensurenl=False)
    after_dot = importing = False
    string: tuple[int, int] | None = None
    for start, kind, value in lexer.get_tokens_unprocessed(text):
        end = start + len(value)
        if kind in String and kind not in String.Doc:
            string = (string[0] if string else start, end)  # its quotes, escapes and pieces are one
            continue
        if string:
            yield STRING, *string
            string = None
        if kind in Text or kind in Comment or kind in String.Doc:
            importing = importing and "\n" not in value
            continue
        importing = importing or kind in Keyword.Namespace
        if not importing:
            yield _word(kind, value, after_dot), start, end
        after_dot = value == "."
    if string:
        yield STRING, *string


def _word(kind: object, value: str, after_dot: bool) -> str:
    if kind in Number:
        return NUMBER
    chosen = kind in Name and kind not in Name.Builtin and kind not in Name.Exception
    if chosen and not after_dot:
        return NAME
    return value[:NAME_LENGTH] if kind not in Punctuation else value[:1]


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """So much CPU time of this process for what is inside; signals interrupt regular expressions, too."""
    running = True

    def stop(number: int, frame: object) -> None:
        if running:
            raise TooSlowError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        running = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
