"""Makes untrusted text harmless: whatever a submission printed, raised or was named, before any format shows it.

Escaping for HTML, CSV or JSON comes on top of this: here go only the characters that no format shows as they are.
"""

from __future__ import annotations

import re
import unicodedata

# Colours carry no words, so they go; all other escape sequences stay visible as \x1b...
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Runners look for ##[command] and ##vso[command] anywhere in a line, and for [[ATTACHMENT|file]] in test reports.
_COMMAND = re.compile(r"#(?=#\w*\[)|\[(?=\[ATTACHMENT\|)")


class _Shown(dict[int, str]):
    """Translation table for str.translate that is filled as characters turn up."""

    def __missing__(self, code: int) -> str:
        self[code] = shown = _show(code)
        return shown


def _show(code: int) -> str:
    character = chr(code)
    if character in "\n\t":
        return character
    noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    # Cc control, Cf format (bidi controls, zero width, tags), Cs lone surrogates, Zl and Zp line breaks
    if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} and not noncharacter:
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_SHOWN = _Shown()


def clean(text: str, limit: int) -> str:
    """The text with control, bidi and escape characters made visible, at most ``limit`` characters long.

    Newlines and tabs stay, carriage returns become newlines, ANSI colours go. A longer text loses its middle, because
    reasons stand at the beginning of a message and at the end of a log. Cleaning twice changes nothing.
    """
    return _shorten(_visible(text), limit)


def one_line(text: str, limit: int) -> str:
    """Like :func:`clean`, on a single line: for table cells, CSV and terminals."""
    return _shorten(" ".join(_visible(text).split()), limit)


def inert(text: str) -> str:
    """Cleaned text in which no CI runner finds a command, as long as its lines do not begin with ``::``; see :func:`quoted`."""
    return _COMMAND.sub(r"\g<0> ", text)


def quoted(text: str) -> str:
    """Cleaned text of any length with a bar before each line: a person sees whose it is, and no CI runner obeys it."""
    return "\n".join(f"| {inert(line)}".rstrip() for line in text.rstrip("\n").split("\n"))


def _visible(text: str) -> str:
    return COLOURS.sub("", text).replace("\r\n", "\n").replace("\r", "\n").translate(_SHOWN)


def _shorten(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    mark = f" [… {len(text) - limit:,} characters cut …] "
    room = limit - len(mark)
    if room < 2:
        return text[: max(0, limit - 1)] + "…"[:limit]
    return text[: room // 2] + mark + text[len(text) - (room - room // 2) :]
