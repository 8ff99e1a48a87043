"""A CSV file that somebody else's program reads again: chosen cells change, every other byte stays.

So the text is not read and written anew: each cell is known by its place in the text. Byte order mark, encoding, line ends,
quotes and the instructor's own formulas are what they were.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grader.errors import UsageError

MAX_BYTES = 64 << 20
DELIMITERS = ",;\t"
_DECIMAL_COMMA, _DECIMAL_POINT = re.compile(r"-?\d+,\d+"), re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell and its place in the file's text."""

    value: str  # without quotes
    start: int
    end: int


EMPTY = Cell("", 0, 0)


@dataclass(frozen=True, slots=True)
class Table:
    """The text of a file and where its cells are."""

    text: str  # with its byte order mark
    encoding: str
    delimiter: str
    rows: tuple[tuple[Cell, ...], ...]

    def value(self, row: int, column: int) -> str:
        """A cell's text without spaces around it; empty where the row is too short."""
        return self.rows[row][column].value.strip() if column < len(self.rows[row]) else ""

    def column(self, column: int) -> list[str]:
        return [self.value(row, column) for row in range(len(self.rows))]

    def changed(self, values: Mapping[tuple[int, int], str]) -> bytes:
        """The file's bytes with new values for the cells at (row, column), all of which must exist."""
        parts, position = [], 0
        for row, column in sorted(values):
            cell = self.rows[row][column]
            parts += [self.text[position : cell.start], self._written(values[row, column], cell)]
            position = cell.end
        return "".join([*parts, self.text[position:]]).encode(self.encoding)

    def _written(self, value: str, before: Cell) -> str:
        quoted = self.text.startswith('"', before.start) and before.end > before.start
        needs = any(character in value for character in (self.delimiter, '"', "\r", "\n"))
        return '"' + value.replace('"', '""') + '"' if quoted or needs else value


def read(path: Path) -> Table:
    """Read a file of an LMS or a spreadsheet. Raises UsageError where it can't be read as a table."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {(error.strerror or str(error)).lower()}") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: is larger than {MAX_BYTES >> 20} MiB, expected a CSV file")
    if data.startswith(b"PK\x03\x04"):
        raise UsageError(f"{path}: is a spreadsheet or an archive, expected CSV; export it as CSV")
    text, encoding = _decoded(data)
    if "\0" in text:
        raise UsageError(f"{path}: holds NUL bytes, expected the text of a CSV file")
    delimiter = max(DELIMITERS, key=lambda one: len(_rows(text, one, most=1)[0]))
    rows = _rows(text, delimiter)
    for cells in rows:
        for cell in cells:
            if text.startswith('"', cell.start) and cell.value.startswith('"') and cell.end - cell.start == len(cell.value):
                line = text.count("\n", 0, cell.start) + 1
                raise UsageError(f"{path}: a quotation mark in line {line} is never closed; download the file again")
    return Table(text, encoding, delimiter, tuple(rows))


def decimal_mark(values: Iterable[str]) -> str | None:
    """ "," or "." as the numbers among the values have it; None where they don't tell."""
    texts = list(values)
    commas = sum(bool(_DECIMAL_COMMA.fullmatch(text)) for text in texts)
    points = sum(bool(_DECIMAL_POINT.fullmatch(text)) for text in texts)
    return "," if commas > points else "." if points else None


def number_in(text: str) -> float | None:
    """A number written with either decimal mark."""
    return float(text.replace(",", ".")) if re.fullmatch(r"-?\d+(?:[.,]\d+)?", text) else None


def _decoded(data: bytes) -> tuple[str, str]:
    """UTF-8, UTF-16 with its mark, or what older spreadsheets write; encoding the text again gives the same bytes."""
    encodings = ["utf-8", "cp1252", "latin-1"]
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            encodings.insert(0, encoding)
    for encoding in encodings:
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise AssertionError("latin-1 decodes everything")


@cache
def _cell(delimiter: str) -> re.Pattern[str]:
    return re.compile(rf'(?:"((?:[^"]++|"")*+)")?([^{re.escape(delimiter)}\r\n]*+)(\r\n|\r|\n|{re.escape(delimiter)}|\Z)')


def _rows(text: str, delimiter: str, most: int | None = None) -> Sequence[tuple[Cell, ...]]:
    """The cells of the first ``most`` rows. An unclosed quotation mark stays in its cell's value."""
    rows: list[tuple[Cell, ...]] = []
    cells: list[Cell] = []
    position = 1 if text.startswith("\ufeff") else 0
    while most is None or len(rows) < most:
        found = _cell(delimiter).match(text, position)
        assert found is not None  # every text begins with a cell, be it an empty one
        quoted, plain, end = found.groups(default="")
        cells.append(Cell(quoted.replace('""', '"') + plain, position, found.start(3)))
        position = found.end()
        if end != delimiter:
            rows.append(tuple(cells))
            cells = []
            if position == len(text):
                break
    return rows
