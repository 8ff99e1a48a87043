"""Turns a notebook into Python source, by text alone: nothing of it is executed, compiled or parsed as Python.

Code cells are joined in order. Magics and shell lines, which only a notebook understands, become ``pass`` on a line of
their own, so that line numbers and blocks survive. They are looked for only where a logical line starts: the second
line of ``print("%d"\\n      % x)``, or a line inside a triple-quoted string, is left as it is.

Each cell starts with a comment that names it and its notebook: inside reads it, to say where an error lies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.errors import SubmissionError

MAX_SOURCE_BYTES = 4 << 20
# A list of two bytes takes 64 in memory, so they are counted before they are made; pictures, which are large, have few.
MAX_GROUPS = 500_000
MAX_VALUES = 2_000_000
MAX_CELLS = 5000
NEWEST_FORMAT = 4
KEPT_CELL_MAGICS = {"time", "timeit", "capture", "prun"}  # they run their body as Python
WRITING_CELL_MAGICS = {"writefile", "file"}

_CELL_MAGIC = re.compile(r"%%(\w+)[ \t]*(.*)")
_WRITTEN_NAME = re.compile(r"(?:-a[ \t]+|--append[ \t]+)?([A-Za-z_]\w*\.py)[ \t]*")  # a plain name: no folder, no option
_LINE_MAGIC = re.compile(r"(\s*)%[ \t]*(\w*)[ \t]*(.*)")
_LIKE_A_MAGIC = re.compile(r"^[ \t]*[!%]", re.MULTILINE)
# Quantifiers that give nothing back (++, *+): a stranger wrote the line, and a long one must not cost its length squared.
_RUN = re.compile(r"(?:-\w++[ \t]++)*+(['\"]?)([^'\"]+?\.(?:py|ipynb))\1")
_ASSIGNED = re.compile(r"(\s*[A-Za-z_][\w.,\[\] \t]*=[ \t]*)(?:(!)(?!=)|%[ \t]*(\w+)[ \t]*)(.*)")
_SHELL_OR_HELP = re.compile(r"\s*(?:!|\?|[%\w.*]+(?:\[\w+\])*\?\??[ \t]*$)")
_BARE_INSTALL = re.compile(r"\s*(?:pip3?|conda|mamba|uv)[ \t]+(?:install|uninstall|list|show|freeze|pip)\b(?![ \t]*[=(.,)])")
_FUTURE = re.compile(r"from[ \t]++__future__[ \t]++import[ \t]++([\w, \t]++)(?:#.*)?")


@dataclass(frozen=True, slots=True)
class Converted:
    """A notebook as Python source, and the files that its cells would have written."""

    source: str
    written: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def convert(data: bytes, name: str) -> Converted:
    """Convert the bytes of an .ipynb file; ``name`` is for messages. Raises SubmissionError (unreadable) for theirs."""
    cells = _code_cells(_parse(data, name), name)
    dropped: dict[int, int] = {}
    futures: set[str] = set()
    written: dict[str, list[str]] = {}
    lines: list[str] = []
    for number, cell in enumerate(cells, start=1):
        lines.append(f"# cell {number} of {name!r}")
        converted = _Cell()
        converted.convert(cell)
        lines += converted.lines
        futures |= converted.futures
        for path, text in converted.written.items():
            if not converted.appends:
                written[path] = []
            written.setdefault(path, []).append(text)
        if converted.dropped:
            dropped[number] = converted.dropped
    if futures:  # such an import is legal in any cell, but only at the start of a file
        lines[0] = f"from __future__ import {', '.join(sorted(futures))}  {lines[0]}"
    source = "\n".join(lines) + "\n"
    if "\0" in source or any("\ud800" <= character <= "\udfff" for character in set(source)):
        raise SubmissionError("unreadable", "unpack", f"{name!r} holds characters that are not text; save it again in Jupyter")
    return Converted(source, {path: "".join(texts) for path, texts in written.items()}, _notes(dropped))


def without_magics(source: str) -> tuple[str, int]:
    """A script's source with its magics and shell lines, which exports of notebooks leave in, dropped; and how many."""
    if not _LIKE_A_MAGIC.search(source):
        return source, 0
    cell = _Cell(moves_futures=False)
    cell.convert_lines(source.split("\n"))
    return "\n".join(cell.lines), cell.dropped


def _parse(data: bytes, name: str) -> Mapping[str, Any]:
    """The notebook's JSON. Only its code cells are read, in the few shapes that they have had; no library upgrades the rest."""

    def unreadable(why: str) -> SubmissionError:
        return SubmissionError(
            "unreadable", "unpack", f"{name!r} is not a notebook: {why}; save it again in Jupyter, or hand in a .py"
        )

    if data.count(b"[") + data.count(b"{") > MAX_GROUPS or data.count(b",") > MAX_VALUES:
        raise SubmissionError("unreadable", "unpack", f"{name!r} holds too many values; clear its outputs and hand it in again")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise unreadable("expected UTF-8 text, found other bytes") from None
    try:
        parsed: Any = json.loads(text)
    except ValueError:
        raise unreadable(_instead_of_json(text)) from None
    except RecursionError:
        raise unreadable("its JSON does not describe one") from None
    if not isinstance(parsed, Mapping) or not isinstance(version := parsed.get("nbformat", 1), int | float):
        raise unreadable("its JSON does not describe one")
    if not 1 <= version < NEWEST_FORMAT + 1:
        raise unreadable(f"its format is {str(version)[:20]}, expected {NEWEST_FORMAT}")
    return parsed


def _instead_of_json(text: str) -> str:
    start = text.lstrip()[:20].lower()
    if start.startswith("{"):
        return "its JSON is damaged or cut off"
    if start.startswith(("<!doctype", "<html")):
        return "it is a web page (on GitHub, download the file by Raw)"
    if re.search(r"^(?:def|import|from)[ \t]", text, re.MULTILINE):
        return "it is Python text, whose name should end in .py"
    return "expected JSON, found other text"


def _code_cells(parsed: Mapping[str, Any], name: str) -> list[str]:
    language = _language(parsed.get("metadata"))
    if language and "python" not in language.lower():
        raise SubmissionError("unreadable", "unpack", f"{name!r} is a notebook in {language[:40]!r}, expected Python")
    sources: list[str] = []
    for cell in _cells(parsed):
        source = next((cell[key] for key in ("source", "input", "code") if key in cell), "")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            raise SubmissionError(
                "unreadable", "unpack", f"code cell {len(sources) + 1} of {name!r} holds no text; save it again in Jupyter"
            )
        sources.append(source.replace("\r\n", "\n").replace("\r", "\n"))
    if len(sources) > MAX_CELLS:
        raise SubmissionError("unreadable", "unpack", f"{name!r} has more than {MAX_CELLS} code cells; hand in less")
    if sum(len(source) for source in sources) > MAX_SOURCE_BYTES:
        raise SubmissionError(
            "unreadable", "unpack", f"{name!r} holds more than {MAX_SOURCE_BYTES >> 20} MiB of code; hand in less"
        )
    if not any(source.strip() for source in sources):
        raise SubmissionError("unreadable", "unpack", f"{name!r} has no code cells; expected one that defines prune(model)")
    return sources


def _cells(parsed: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The code cells of a notebook of any version: before version 4 they were on worksheets."""
    sheets = parsed.get("worksheets")
    for place in (parsed, *(sheets if isinstance(sheets, list) else ())):
        cells = place.get("cells") if isinstance(place, Mapping) else None
        for cell in cells if isinstance(cells, list) else ():
            if isinstance(cell, Mapping) and cell.get("cell_type") == "code":
                yield cell


def _language(metadata: object) -> str:
    for section, key in (("language_info", "name"), ("kernelspec", "language")):
        inner = metadata.get(section) if isinstance(metadata, Mapping) else None
        language = inner.get(key) if isinstance(inner, Mapping) else None
        if isinstance(language, str) and language:
            return language
    return ""


def _notes(dropped: Mapping[int, int]) -> tuple[str, ...]:
    if not dropped:
        return ()
    cells = ", ".join(str(number) for number in list(dropped)[:10]) + (", ..." if len(dropped) > 10 else "")
    where = f"code cell{'s' if len(dropped) > 1 else ''} {cells}"
    return (f"notebook: {counted(sum(dropped.values()))} dropped ({where})",)


def counted(dropped: int) -> str:
    """How many lines were dropped, in words."""
    return "1 magic or shell line was" if dropped == 1 else f"{dropped} magic or shell lines were"


class _Cell:
    """One code cell on its way to Python lines, as many as it had."""

    def __init__(self, *, moves_futures: bool = True) -> None:
        self._moves_futures = moves_futures
        self.lines: list[str] = []
        self.written: dict[str, str] = {}
        self.appends = False
        self.futures: set[str] = set()
        self.dropped = 0

    def convert(self, source: str) -> None:
        lines = _dedented(source.split("\n"))
        first = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
        magic = _CELL_MAGIC.match(lines[first]) if first < len(lines) else None
        if magic:
            before, body = lines[:first], lines[first + 1 :]
            self.lines = [*before, f"# {lines[first]}"]
            if magic[1] not in KEPT_CELL_MAGICS:
                self._drop_cell(magic, body)
                return
            lines = body
        self.convert_lines(lines)

    def _drop_cell(self, magic: re.Match[str], body: list[str]) -> None:
        target = _WRITTEN_NAME.fullmatch(magic[2]) if magic[1] in WRITING_CELL_MAGICS else None
        if target:
            self.written[target[1]] = "\n".join(body).rstrip("\n") + "\n"
            self.appends = magic[2].startswith("-")
        else:
            self.dropped += 1
        self.lines += [f"# {line}" if line else "" for line in body]

    def convert_lines(self, lines: list[str]) -> None:
        scanner = LogicalLines()
        inside_magic = False  # the line before was a magic that ends in a backslash
        for line in lines:
            if inside_magic:
                self.lines.append(f"# {line}")
                inside_magic = line.endswith("\\")
                continue
            if scanner.at_start:
                dropped, before = self.dropped, line
                line = self._python(before)
                inside_magic = self.dropped > dropped and before.endswith("\\")
            scanner.feed(line)
            self.lines.append(line)

    def _python(self, line: str) -> str:
        """The Python that stands for a line which starts a logical line."""
        indent = line[: len(line) - len(line.lstrip())]
        if self._moves_futures and (future := _FUTURE.fullmatch(line)):
            self.futures |= {feature.strip() for feature in future[1].split(",") if feature.strip()}
            return f"pass  # {line}"
        if _SHELL_OR_HELP.match(line) or _BARE_INSTALL.match(line):
            self.dropped += 1
            return f"{indent}pass  # {line.strip()}"
        if magic := _LINE_MAGIC.match(line):
            if magic[2] == "time" and magic[3].strip():
                return indent + magic[3]
            if magic[2] == "run" and (run := _RUN.fullmatch(magic[3].strip())):
                return f"{indent}get_ipython().run_line_magic('run', {run[2]!r})"
            self.dropped += 1
            return f"{indent}pass  # {line.strip()}"
        if assigned := _ASSIGNED.fullmatch(line):
            if assigned[3] == "time" and assigned[4].strip():
                return assigned[1] + assigned[4]
            self.dropped += 1
            return f"{assigned[1]}{'[]' if assigned[2] else 'None'}  # {line.strip()}"
        return line


class LogicalLines:
    """Follows brackets, strings, comments and backslashes, to know whether the next line starts a logical line."""

    def __init__(self) -> None:
        self._quote = ""  # the quotes that close the open string
        self._depth = 0
        self._continued = False

    @property
    def at_start(self) -> bool:
        return not (self._quote or self._depth or self._continued)

    def feed(self, line: str) -> None:
        self._continued = False
        position, end = 0, len(line)
        while position < end:
            character = line[position]
            step = 1
            if self._quote:
                if character == "\\":
                    step = 2
                elif line.startswith(self._quote, position):
                    step, self._quote = len(self._quote), ""
            elif character == "#":
                break
            elif character in "'\"":
                self._quote = character * 3 if line.startswith(character * 3, position) else character
                step = len(self._quote)
            elif character in "([{":
                self._depth += 1
            elif character in ")]}":
                self._depth = max(0, self._depth - 1)
            elif character == "\\" and position == end - 1:
                self._continued = True
            position += step
        # A one-line string ends with its line, unless a backslash escapes the line's end.
        if len(self._quote) == 1 and position <= end:
            self._quote = ""


def _dedented(lines: list[str]) -> list[str]:
    """Without the first line's indentation, as notebooks run a cell."""
    first = next((line for line in lines if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    return [line.removeprefix(indent) for line in lines] if indent else lines
