"""Finds and reads submissions: files, folders, zip archives, notebooks. Text and bytes only.

It runs in the keeper, on bytes that a stranger chose. So nothing here imports, compiles, parses or unpickles a
submission, no archive is ever extracted to disk, no link is followed, and every size is capped while reading. What a
student's upload can do wrong ends as SubmissionError (``unreadable``); a disk that can't be read is a GraderError.

What counts as a submission in a batch folder: every child but hidden files (``.x``, ``~x``), ``__pycache__`` and
``__MACOSX``, and an instructor's litter (README*, .md, .txt, .csv, .yaml). Any other file is somebody's work: a .rar,
a .docx or a ``prune.py.txt`` gets its row, which says what is accepted.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import re
import stat
import sys
import tokenize
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from grader import notebook, unzip
from grader.errors import GraderError, SubmissionError, UsageError
from grader.notebook import MAX_SOURCE_BYTES
from grader.records import Submission, Upload
from grader.unzip import MAX_TOTAL_BYTES, Files, is_litter, unreadable

ACCEPTED = "a .py, .ipynb or .zip file, or a folder"

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)  # device names on Windows
_LIBRARIES = {"torch", "numpy", "scipy", "sklearn", "matplotlib", "tqdm", "IPython", "assignment"}
_COOKIE = re.compile(r"^([ \t\f]*#.*?coding[:=][ \t]*)([-\w.]+)")
# Encodings that editors write. Codecs such as punycode or unicode_escape are no text encodings of a source.
_ENCODING = re.compile(r"utf-8|ascii|iso|latin|cp\d|windows|mac|koi8|gb|big5|shift|sjis|euc|tis")
_DEFINES = re.compile(r"^(?:(?:async[ \t]+)?def[ \t]+prune\b|class[ \t]+prune\b|prune[ \t]*(?::[^=\n]+)?=(?!=))", re.MULTILINE)
# An import may bring prune from a helper; `from torch.nn.utils import prune` is the library's module, not the student's.
_IMPORTS_PRUNE = re.compile(
    r"^(?:from[ \t]+(?!torch\b)\S+[ \t]+import[ \t].*\bprune\b|import[ \t]+(?!torch\b).*\bas[ \t]+prune\b)", re.MULTILINE
)
_IMPORT = re.compile(r"(?:^|[;:])[ \t]*(?:import[ \t]+([\w., \t]+)|from[ \t]+(\w+)[\w.]*[ \t]+import\b)", re.MULTILINE)
_IMPORT_CALL = re.compile(r"\b(?:__import__|import_module)\([ \t]*['\"](\w+)")
_OFFICE = re.compile(r"\.(?:docx?|xlsx?|pptx?|odt)$", re.IGNORECASE)
# What is saved in a source's place, by how it begins, and what to do instead.
_NO_SOURCE = (
    (re.compile(rb"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE), "a web page", "download the file itself (on GitHub: Raw)"),
    (re.compile(rb"\{\\rtf"), "rich text", "save it as plain text"),
)
_KINDS = {
    b"PK\x03\x04": "a zip archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\xd0\xcf\x11\xe0": "an Office document",
}


def find(paths: Sequence[Path]) -> list[Upload]:
    """The submissions that PATHs name, sorted by student; the same one given twice is one.

    Each direct child of a folder is one; a PATH that is a file, or directly holds prune.py, is one itself.
    Raises UsageError where a path can't be read or holds no submission.
    """
    found: dict[Path, tuple[str, Path]] = {}
    for path in paths:
        for given, child in _children(path):
            found.setdefault(child, (str(given), child))
    if not found:
        raise UsageError("expected at least one path of a submission or a folder of submissions, found none")
    return _named([(_printable(given), child) for given, child in found.values()])


def read(upload: Upload) -> Submission:
    """Read one upload into memory. Raises SubmissionError (unreadable, unpack), or GraderError where the disk fails."""
    notes: list[str] = []
    try:
        mode = os.lstat(upload.path).st_mode
        if stat.S_ISDIR(mode):
            raw = _read_folder(upload.path, notes)
            digest = _digest_of_files(raw)
            raw = _single_zip_unpacked(raw, notes)
        elif stat.S_ISREG(mode):
            data = _read_file(upload.path, MAX_TOTAL_BYTES, upload.name)
            digest = hashlib.sha256(data).hexdigest()
            raw = _opened(upload, data, notes)
        else:
            raise unreadable(f"{upload.name!r} is a link or a device, expected {ACCEPTED}; hand in the file itself")
    except OSError as error:
        raise GraderError(f"{upload.source}: can't be read: {error.strerror or error}") from error
    found = _readable(raw, notes)
    entry = _entry(found, notes)
    if entry in found.broken:
        raise found.broken[entry]
    notes += [f"{found.given[name]!r} was left out: {error.failure.message}" for name, error in found.broken.items()]
    notes += _shadowing(found.files, entry)
    return Submission(sha256=digest, entry=entry, files=found.files, notes=tuple(notes))


def digest_of(upload: Upload) -> str | None:
    """SHA-256 of an upload that ``read`` has refused, made the same way; None where its bytes can't be read either."""
    try:
        mode = os.lstat(upload.path).st_mode
        if stat.S_ISDIR(mode):
            return _digest_of_files(_read_folder(upload.path, []))
        if stat.S_ISREG(mode):
            return _digest_of_file(upload.path)
    except (OSError, SubmissionError):
        pass
    return None


def imported_packages(submission: Submission) -> frozenset[str]:
    """Top-level names that any source of the submission imports, found in its text: a hint, never a proof.

    "torch.optim" stands among them where a source speaks of optim: torch imports its compiler with the first optimizer.
    """
    names: set[str] = set()
    for name, data in submission.files.items():
        if not name.endswith(".py"):
            continue
        text = data.decode("utf-8", "replace")
        names.update(_IMPORT_CALL.findall(text))
        if re.search(r"\boptim\b", text):
            names.add("torch.optim")
        for imported, package in _IMPORT.findall(text):
            names.add(package)
            names.update(part.split()[0].split(".")[0] for part in imported.split(",") if part.strip())
    return frozenset(names - {""})


# --- finding -------------------------------------------------------------------------------------------------------


def _children(path: Path) -> list[tuple[Path, Path]]:
    """(path as given, real location) of each submission that a PATH names; only the PATH itself may be a link."""
    try:
        real = path.resolve(strict=True)
        if real.is_file():
            return [(path, real)]
        names = sorted(os.listdir(real))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file or folder; expected a submission or a folder of submissions") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{path}: can't be read: {getattr(error, 'strerror', None) or error}; check the path") from None
    if "prune.py" in names:
        return [(path, real)]
    children = [(path / name, real / name) for name in names if not _is_batch_litter(real / name)]
    if not children:
        raise UsageError(f"{path}: expected submissions ({ACCEPTED} each), found none; put them there or name another path")
    return children


def _is_batch_litter(path: Path) -> bool:
    name = path.name.lower()
    if is_litter(path.name) or name in {"thumbs.db", "desktop.ini"}:
        return True
    if path.is_dir() or re.search(r"\.(?:py|ipynb)\.txt$", name):
        return False
    return name.startswith("readme") or name.endswith((".md", ".txt", ".csv", ".yaml", ".yml"))


def _named(children: list[tuple[str, Path]]) -> list[Upload]:
    """Give each submission a student id that no other one has, whatever the case."""
    short = [_file_system_safe(path.name if path.is_dir() else path.stem) for _, path in children]
    students = [
        s if n == 1 else _file_system_safe(path.name) for s, n, (_, path) in zip(short, _counts(short), children, strict=True)
    ]
    for digits in (8, 64):  # the same name in two folders, or in upper and lower case
        counts = _counts(students)
        students = [
            s if n == 1 else _with_digest(s, str(path), digits)
            for s, n, (_, path) in zip(students, counts, children, strict=True)
        ]
    uploads = [
        Upload(student=student, name=_printable(path.name), source=given, path=path)
        for student, (given, path) in zip(students, children, strict=True)
    ]
    return sorted(uploads, key=lambda upload: upload.student)


def _counts(names: list[str]) -> list[int]:
    counts = Counter(name.lower() for name in names)
    return [counts[name.lower()] for name in names]


def _file_system_safe(name: str) -> str:
    """ASCII letters, digits, ``._-`` only; a name that loses something gets a digest of itself, so that it stays unique."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).lstrip("-._").rstrip("._")
    if safe == name and len(safe) <= 100 and not _RESERVED.fullmatch(safe):
        return safe
    return _with_digest(safe or "submission", unicodedata.normalize("NFC", name), 8)


def _with_digest(name: str, whole: str, digits: int) -> str:
    digest = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:digits]
    return f"{'s_' if _RESERVED.fullmatch(name) else ''}{name[: 97 - digits]}-{digest}"


def _printable(name: str) -> str:
    """The name as text: bytes that are not UTF-8 are spelled out, because JSON can't hold them."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


# --- reading -------------------------------------------------------------------------------------------------------


def _read_file(path: Path, limit: int, name: str) -> bytes:
    # Neither a link that has come in meanwhile is followed, nor does a FIFO block.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise unreadable(f"{name!r} is larger than {limit >> 20} MiB; hand in the sources only")
    return data


def _read_folder(root: Path, notes: list[str]) -> dict[str, bytes]:
    files = Files()
    for name, path in _walk(root, "", notes):
        files.add(name, partial(_read_file, path, name=name))
    return files.contents


def _single_zip_unpacked(files: dict[str, bytes], notes: list[str]) -> dict[str, bytes]:
    """Moodle puts the zip that a student handed in into a folder of its own."""
    zips = [name for name in files if name.lower().endswith(".zip")]
    if len(zips) != 1 or any(name.lower().endswith((".py", ".ipynb")) for name in files):
        return files
    notes.append(f"the folder's only source is in {zips[0]!r}, which was unpacked")
    return unzip.read(files[zips[0]], zips[0], notes)


def _walk(folder: Path, prefix: str, notes: list[str]) -> Iterator[tuple[str, Path]]:
    if prefix.count("/") > 20:
        raise unreadable(f"{prefix[:60]!r} is nested more than 20 folders deep; hand in the sources only")
    with os.scandir(folder) as entries:
        children = sorted(entries, key=lambda entry: entry.name)
    if any(child.name == "pyvenv.cfg" for child in children):
        notes.append(f"the virtual environment {prefix!r} was left out")
        return
    for child in children:
        name = prefix + child.name
        if is_litter(child.name) or child.name.endswith(".pyc"):
            continue
        if child.is_dir(follow_symlinks=False):
            yield from _walk(folder / child.name, name + "/", notes)
        elif not child.is_file(follow_symlinks=False):
            notes.append(f"{_printable(name)!r} is a link or a device, and was left out")
        elif _printable(name) != name:
            notes.append(f"{_printable(name)!r} was left out: its name is not UTF-8")
        else:
            yield name, folder / child.name


def _digest_of_file(path: Path) -> str:
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of_files(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        encoded = name.encode()
        digest.update(b"%d %d\n%s" % (len(encoded), len(data), encoded))
        digest.update(data)
    return digest.hexdigest()


def _opened(upload: Upload, data: bytes, notes: list[str]) -> dict[str, bytes]:
    """The files of an upload that is a single file."""
    stem, suffix = os.path.splitext(upload.path.name)
    suffix = suffix.lower()
    if not data:
        raise unreadable(f"{upload.name!r} is empty (0 bytes); hand it in again")
    found = next((kind for magic, kind in _KINDS.items() if data.startswith(magic)), "")
    if suffix not in {".py", ".ipynb", ".zip"}:
        if _OFFICE.search(upload.name):
            found = "an Office document"
        shown = f"{upload.name!r} ({found})" if found else repr(upload.name)
        raise unreadable(f"expected {ACCEPTED}, found {shown}; {_remedy(upload.name, found)}")
    if suffix == ".zip":
        if found and found != "a zip archive":
            raise unreadable(f"{upload.name!r} is {found}, expected a zip archive; zip the files instead")
        return unzip.read(data, upload.name, notes)
    if found:
        raise unreadable(f"{upload.name!r} is {found}, expected {suffix} text; {_remedy(upload.name, found)}")
    printable = _printable(stem) == stem and len(os.fsencode(upload.path.name)) <= 200
    return {(stem if printable else upload.student) + suffix: data}


def _remedy(name: str, found: str) -> str:
    renamed = re.search(r"(.+\.(?:py|ipynb))\.txt$", name, re.IGNORECASE)
    if renamed:
        return f"rename it to {renamed[1]!r}"
    if found == "a zip archive":
        return "rename it to end in .zip"
    return "zip the files instead" if "archive" in found else "hand in the source itself"


# --- sources -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sources:
    """All files of a submission, once its sources could be read or not."""

    files: dict[str, bytes] = field(default_factory=dict)  # Python sources as UTF-8, notebooks as Python
    broken: dict[str, SubmissionError] = field(default_factory=dict)  # what is wrong with those that can't be read
    given: dict[str, str] = field(default_factory=dict)  # each source's name as it was handed in


def _readable(raw: Mapping[str, bytes], notes: list[str]) -> _Sources:
    found = _Sources()
    for name in sorted(raw, key=lambda name: (name.lower().endswith(".ipynb"), name)):
        stem, _, suffix = name.rpartition(".")
        if suffix.lower() not in ("py", "ipynb"):
            found.files[name] = raw[name]
            continue
        while f"{stem}.py" in found.given:  # the script of the same name, which comes first
            stem += "_notebook"
        target = f"{stem}.py"
        found.given[target] = name
        try:
            if suffix.lower() == "py":
                found.files[target] = _script(raw[name], name, notes)
            else:
                found.files[target] = _notebook(raw[name], name, found.files, notes)
        except SubmissionError as error:
            found.broken[target] = error
    return found


def _script(data: bytes, name: str, notes: list[str]) -> bytes:
    source, dropped = notebook.without_magics(_utf8_source(data, name).decode())
    if dropped:
        notes.append(f"{name!r}: {notebook.counted(dropped)} dropped, which only notebooks understand")
    return source.encode()


def _notebook(data: bytes, name: str, files: dict[str, bytes], notes: list[str]) -> bytes:
    """The notebook as Python; what its cells would have written goes into ``files``."""
    converted = notebook.convert(data, name)
    folder = name.rpartition("/")[0]
    for written, text in converted.written.items():
        files.setdefault(f"{folder}/{written}".lstrip("/"), text.encode())
    notes += converted.notes
    return converted.source.encode()


def _utf8_source(data: bytes, name: str) -> bytes:
    """A Python source as UTF-8 with ``\\n`` line ends, its encoding cookie changed to match. As many lines as before."""
    if len(data) > MAX_SOURCE_BYTES:
        raise unreadable(f"{name!r} is larger than {MAX_SOURCE_BYTES >> 20} MiB of source; load large data from a file beside it")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        raise unreadable(f"{name!r} is UTF-16 text, expected UTF-8; save it with encoding UTF-8 and hand it in again")
    if b"\0" in data:
        where = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise unreadable(f"{name!r} has a NUL byte in line {where}, expected UTF-8 text; save it with encoding UTF-8")
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for begins, what, remedy in _NO_SOURCE:
        if begins.match(data):
            raise unreadable(f"{name!r} is {what}, expected Python text; {remedy}")
    if re.match(rb'\s*\{\s*"', data) and b'"nbformat"' in data:
        raise unreadable(f"{name!r} is a notebook; rename it to end in .ipynb")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if not _ENCODING.match(encoding.lower().replace("_", "-")):
            raise LookupError
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _undecodable(name, data, error) from None
    except (SyntaxError, LookupError, ValueError):
        try:  # the first two lines, where an encoding may be named, are decoded by the detection itself
            data.decode()
        except UnicodeDecodeError as error:
            raise _undecodable(name, data, error) from None
        raise unreadable(f"{name!r} names an unknown encoding in its first lines; save it with encoding UTF-8") from None
    return _with_utf8_cookie(text).encode()


def _undecodable(name: str, data: bytes, error: UnicodeDecodeError) -> SubmissionError:
    line = data.count(b"\n", 0, error.start) + 1
    return unreadable(f"{name!r} is not {error.encoding.upper()} text in line {line}; save it with encoding UTF-8")


def _with_utf8_cookie(text: str) -> str:
    lines = text.split("\n", 2)
    for number, line in enumerate(lines[:2]):
        lines[number] = _COOKIE.sub(r"\1utf-8", line)
        if line.strip() and not line.lstrip().startswith("#"):
            break  # a cookie in line 2 counts only below a comment
    return "\n".join(lines)


def _entry(found: _Sources, notes: list[str]) -> str:
    """The source that is graded: prune.py, else main.py, else the only one that defines prune. May be a broken one."""
    sources = sorted({name for name in found.files if name.endswith(".py")} | found.broken.keys())
    entry = _named_as_entry(sources) or _defining_entry(sources, found)
    twin = _notebook_beside(entry, found)
    if twin and twin not in found.broken:
        notes.append(f"{found.given[entry]!r} is graded, and the notebook {found.given[twin]!r} beside it is not")
    return entry


def _notebook_beside(script: str, found: _Sources) -> str | None:
    """The converted notebook that has the script's name; the one was exported from the other."""
    twin = script.removesuffix(".py") + "_notebook.py"
    return twin if found.given.get(twin, "").lower().endswith(".ipynb") else None


def _named_as_entry(sources: Sequence[str]) -> str | None:
    for wanted in ("prune.py", "main.py"):
        if wanted in sources:
            return wanted
    deeper = [name for name in sources if PurePosixPath(name).name == "prune.py"]
    return deeper[0] if len(deeper) == 1 else sources[0] if len(sources) == 1 else None


def _defining_entry(sources: Sequence[str], found: _Sources) -> str:
    defining: list[str] = []
    for pattern in (_DEFINES, _IMPORTS_PRUNE):
        defining = defining or [name for name in sources if pattern.search(found.files.get(name, b"").decode())]
    twins = {_notebook_beside(name, found) for name in defining}
    scripts = [name for name in defining if name not in twins]
    if len(scripts) == 1:
        return scripts[0]
    if found.broken and not defining:
        return next(iter(found.broken))
    expected = "expected prune.py, or main.py, or one source that defines prune"
    if not sources:
        raise unreadable(f"{expected}, found no Python source{_instead(sorted(found.files))}")
    shown = [found.given.get(name, name) for name in defining or sources]
    which = f"several that do: {_listed(shown)}" if defining else f"none that does among {_listed(shown)}"
    notebooks = " (or prune.ipynb)" if any(name.lower().endswith(".ipynb") for name in shown) else ""
    raise unreadable(f"{expected}, found {which}; rename the one to grade to prune.py{notebooks}")


def _instead(names: Sequence[str]) -> str:
    """What there is where no source is, and what to do about it."""
    if not names:
        return " at all; hand in the file that defines prune(model)"
    archive = next((name for name in names if name.lower().endswith(".zip")), "")
    remedy = f"unpack {archive!r} and zip its files themselves" if archive else "the name of a source ends in .py or .ipynb"
    return f" among {_listed(names)}; {remedy}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name[:80]) for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _shadowing(files: Mapping[str, bytes], entry: str) -> list[str]:
    """A note for each module of the submission that an import may miss, because a library has its name."""
    tops = {name.split("/")[0].removesuffix(".py") for name in files if name.endswith(".py") and name != entry}
    return [
        f"the submission's module {name!r} has the name of a library, so `import {name}` may give either; rename it"
        for name in sorted(tops & (_LIBRARIES | sys.stdlib_module_names))
    ]
