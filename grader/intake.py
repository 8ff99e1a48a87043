"""Finds and reads submissions: files, folders, zip archives, notebooks. Text and bytes only.

It runs in the keeper, on bytes that a stranger chose. So nothing here imports, compiles, parses or unpickles a
submission, no archive is ever extracted to disk, no link is followed, and every size is capped while reading. What a
student's upload can do wrong ends as SubmissionError (``unreadable``); a disk that can't be read is a GraderError.

What counts as a submission in a batch folder: every child but hidden files (``.x``, ``~x``), ``__pycache__`` and
``__MACOSX``, an instructor's own files (README*, .md, .txt, .csv, .yaml) and reports; see :mod:`grader.beside`. Any other
file is somebody's work: a .rar, a .docx or a ``prune.py.txt`` gets its row, which says what is accepted.
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
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from grader import attempts, beside, clone, downloads, notebook, unzip
from grader.errors import GraderError, SubmissionError, UsageError
from grader.naming import printable, unique
from grader.nofollow import is_folder, opened_folder, regular
from grader.notebook import MAX_SOURCE_BYTES
from grader.records import Part, Submission, Upload
from grader.unzip import (
    MAX_ENTRIES,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_FOLDERS,
    MAX_TOTAL_BYTES,
    Files,
    folders_of,
    is_installed,
    is_litter,
    too_large,
    unreadable,
)

ACCEPTED = "a .py, .ipynb or .zip file, or a folder"
MAX_SOURCES_BYTES = 16 << 20  # of all sources together: each is searched several times
MAX_NOTES = 20

# An import of such a name never finds the submission's own file: these are imported already, or stand first on the path.
_ALWAYS_LIBRARY = {"torch", "numpy", "assignment"} | sys.stdlib_module_names
# Which of the two an import finds depends on what has been imported before; the last line is what torch imports.
_PERHAPS_LIBRARY = {
    "scipy", "sklearn", "matplotlib", "tqdm", "IPython", "joblib", "PIL",
    "filelock", "fsspec", "jinja2", "mpmath", "networkx", "packaging", "sympy", "typing_extensions",
}  # fmt: skip
_COOKIE = re.compile(r"^([ \t\f]*#.*?coding[:=][ \t]*)([-\w.]+)")
# Encodings that editors write. Codecs such as punycode or unicode_escape are no text encodings of a source.
_ENCODING = re.compile(r"utf-8|ascii|iso|latin|cp\d|windows|mac|koi8|gb|big5|shift|sjis|euc|tis")
# Quantifiers that give nothing back (++, *+): a stranger wrote the text, and a long line must not cost its length squared.
_DEFINES = re.compile(r"^(?:(?:async[ \t]+)?def[ \t]+prune\b|class[ \t]+prune\b|prune[ \t]*(?::[^=\n]+)?=(?!=))", re.MULTILINE)
# An import may bring prune from a helper; `from torch.nn.utils import prune` is the library's module, not the student's.
_IMPORTS_PRUNE = re.compile(
    r"^(?:from[ \t]++(?!torch\b)\S++[ \t]++import[ \t].*\bprune\b|import[ \t]++(?!torch\b).*\bas[ \t]++prune\b)", re.MULTILINE
)
_IMPORT = re.compile(r"(?:^|[;:])[ \t]*+(?:import[ \t]++([\w., \t]++)|from[ \t]++(\w++)[\w.]*+[ \t]++import\b)", re.MULTILINE)
_IMPORT_CALL = re.compile(r"\b(?:__import__|import_module)\([ \t]*+['\"](\w++)")
_OFFICE = re.compile(r"\.(?:docx?|xlsx?|pptx?|odt)$", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(?:zip|rar|7z|tar|t?gz|tgz|t?bz2|tbz|t?xz|zst|lzma|cab|arj|lzh|z)$", re.IGNORECASE)
# What is saved in a source's place, by how it begins, and what to do instead.
_NO_SOURCE = (
    (re.compile(rb"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE), "a web page", "download the file itself (on GitHub: Raw)"),
    (re.compile(rb"\{\\rtf"), "rich text", "save it as plain text"),
)
# What an LMS makes of a submission that is no file.
_ENTRIES = {"text.html": "a text entry", "onlinetext.html": "a text entry", "link.html": "a link"}
_KINDS = {
    b"PK\x03\x04": "a zip archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"(\xb5/\xfd": "a Zstandard archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\xd0\xcf\x11\xe0": "an Office document",
}


def find(paths: Sequence[Path], remarks: list[str] | None = None) -> list[Upload]:
    """The submissions that PATHs name, sorted by student; the same one given twice is one.

    A PATH that an LMS gave to download is split by that LMS's rules. Else each direct child of a folder is one; a PATH that
    is a file, or directly holds prune.py, is one itself. ``remarks`` gets what an instructor should know of how they were taken.
    Raises UsageError where a path can't be read or holds no submission.
    """
    remarks = [] if remarks is None else remarks
    found: dict[tuple[Path, tuple[Part, ...], str], Upload] = {}
    for path in paths:
        for upload in _uploads(path, remarks):
            found.setdefault((upload.path, upload.parts, upload.lms_id), upload)
    if not found:
        raise UsageError("expected at least one path of a submission or a folder of submissions, found none")
    return sorted(_named(list(found.values())), key=lambda upload: upload.student)


def read(upload: Upload) -> Submission:
    """Read one upload into memory. Raises SubmissionError (unreadable, unpack), or GraderError where the disk fails."""
    notes: list[str] = []
    try:
        raw, digest = _contents(upload, notes)
    except OSError as error:
        inside = isinstance(error.filename, str) and "/" not in error.filename  # names below it are opened one by one
        which = f"{printable(error.filename)!r} in it " if inside else ""
        raise GraderError(f"{upload.source}: {which}can't be read: {error.strerror or error}") from error
    found = _readable(raw, notes)
    entry = _entry(found, notes)
    if entry in found.broken:
        raise found.broken[entry]
    notes += [f"{found.given[name]!r} was left out: {error.failure.message}" for name, error in found.broken.items()]
    notes += _shadowing(found.files, entry)
    return Submission(sha256=digest, entry=entry, files=found.files, notes=_capped(notes))


def digest_of(upload: Upload) -> str | None:
    """SHA-256 of an upload that ``read`` has refused, made the same way; None where it can't be read or is too large."""
    try:
        if upload.parts or not upload.handed_in:
            return _digest_of_parts(upload)
        if stat.S_ISDIR(os.lstat(upload.path).st_mode):
            return _digest_of_files(_read_folder(upload.path, []))
        return hashlib.sha256(_read_file(upload.path, MAX_TOTAL_BYTES, upload.name)).hexdigest()
    except (OSError, SubmissionError, GraderError):
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
        for found in _IMPORT.finditer(text):
            imported, package = found.groups(default="")
            names.add(package)
            names.update(part.split()[0].split(".")[0] for part in imported.split(",") if part.strip())
    return frozenset(names - {""})


# --- finding -------------------------------------------------------------------------------------------------------


def _uploads(path: Path, remarks: list[str]) -> list[Upload]:
    """The submissions that one PATH names; only the PATH itself may be a link. Their ids are not unique yet."""
    try:
        real = path.resolve(strict=True)
        if downloaded := downloads.split(path, real, remarks):
            return downloaded
        if not real.is_dir():  # a device, too: reading it says what is wrong
            return [_upload(path, real, remarks)]
        names = sorted(os.listdir(real))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file or folder; expected a submission or a folder of submissions") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{path}: can't be read: {getattr(error, 'strerror', None) or error}; check the path") from None
    if "prune.py" in names:
        return [_upload(path, real, remarks)]
    if beside.LEDGER in names:
        raise UsageError(f"{path}: holds the reports of a batch, expected submissions; name the folder of submissions instead")
    return [_upload(path / name, real / name, remarks) for name in _submissions_in(path, real, names, remarks)]


def _submissions_in(path: Path, real: Path, names: Sequence[str], remarks: list[str]) -> list[str]:
    """The names of submissions in a folder; of others an instructor is told."""
    others = {name for name in names if beside.is_no_submission(real / name)}
    left_out = beside.left_out(real / name for name in others)
    if others == set(names):
        found = f"none but {left_out}" if left_out else "none"
        raise UsageError(f"{path}: expected submissions ({ACCEPTED} each), found {found}; put them there or name another path")
    if left_out:
        remarks.append(f"{printable(str(path))}: left out, as no submission: {left_out}")
    return [name for name in names if name not in others]


def _upload(given: Path, real: Path, remarks: list[str]) -> Upload:
    """A plain file or folder; of a git clone the commit too."""
    folder = is_folder(real)
    upload = Upload(
        student=real.name if folder else real.stem, name=printable(real.name), source=printable(str(given)), path=real
    )
    if not folder or not clone.is_clone(real):
        return upload
    try:
        commit = clone.head(real)
    except clone.CloneError as reason:
        remarks.append(f"{upload.name!r} has no commit and no time: {reason}")
        return upload
    return replace(upload, submitted_at=commit.committed_at, commit=commit.id)


def _named(uploads: list[Upload]) -> list[Upload]:
    """Give each student an id that nobody else has, whatever the case, and each of several attempts a number."""
    owners: dict[str, list[Upload]] = defaultdict(list)
    for upload in uploads:
        owners[upload.lms_id or str(upload.path)].append(upload)
    first = {owner: own[0] for owner, own in owners.items()}
    ids = unique([(one.student, one.student if one.lms_id else one.path.name, owner) for owner, one in first.items()])
    return [upload for student, own in zip(ids, owners.values(), strict=True) for upload in attempts.numbered(own, student)]


# --- reading -------------------------------------------------------------------------------------------------------


def _contents(upload: Upload, notes: list[str]) -> tuple[dict[str, bytes], str]:
    """The files of an upload, unpacked but otherwise as they came, and its digest."""
    if not upload.handed_in:
        raise SubmissionError("missing", "unpack", "nothing was handed in")
    if upload.parts:
        return _contents_of_parts(upload, notes)
    mode = os.lstat(upload.path).st_mode
    if stat.S_ISDIR(mode):
        files = _read_folder(upload.path, notes)
        return _single_zip_unpacked(files, notes), _digest_of_files(files)
    if not stat.S_ISREG(mode):
        raise unreadable(f"{upload.name!r} is a link or a device, expected {ACCEPTED}; hand in the file itself")
    _check_suffix(upload.path.name, upload.name, lambda: _head(upload.path))
    data = _read_file(upload.path, _limit(upload.path.name), upload.name)
    return _opened(upload, upload.path.name, data, notes), hashlib.sha256(data).hexdigest()


def _contents_of_parts(upload: Upload, notes: list[str]) -> tuple[dict[str, bytes], str]:
    """The same for a submission that is part of a download: a single file is read like one that lies alone."""
    only = upload.parts[0] if len(upload.parts) == 1 else None
    files = Files()
    with downloads.opened(upload) as read:
        if only:
            _check_suffix(only.name, printable(only.name), lambda: read(only, 511))
            data = read(only, _limit(only.name))
            if len(data) > _limit(only.name):
                raise too_large(printable(only.name), _limit(only.name))
        else:
            for part in upload.parts:
                if printable(part.name) != part.name:
                    notes.append(f"{printable(part.name)!r} was left out: its name is not UTF-8")
                else:
                    files.add(part.name, partial(read, part))
    if only:
        return _opened(upload, only.name, data, notes), hashlib.sha256(data).hexdigest()
    return _single_zip_unpacked(files.contents, notes), _digest_of_files(files.contents)


def _digest_of_parts(upload: Upload) -> str | None:
    if not upload.parts:
        return None
    files = Files()
    with downloads.opened(upload) as read:
        if len(upload.parts) == 1:
            data = read(upload.parts[0], MAX_TOTAL_BYTES)
            return hashlib.sha256(data).hexdigest() if len(data) <= MAX_TOTAL_BYTES else None
        for part in upload.parts:
            if printable(part.name) == part.name:
                files.add(part.name, partial(read, part))
    return _digest_of_files(files.contents)


def _limit(name: str) -> int:
    return MAX_TOTAL_BYTES if name.lower().endswith(".zip") else MAX_FILE_BYTES


def _head(path: Path) -> bytes:
    with regular(path) as file:
        return file.read(512)


def _read_file(path: Path | str, limit: int, name: str, folder: int | None = None) -> bytes:
    """All of a file; refused where it is larger than ``limit`` bytes, before any of them is read."""
    with regular(path, folder) as file:
        large = os.fstat(file.fileno()).st_size > limit
        data = b"" if large else file.read(limit + 1)  # it may grow meanwhile
    if large or len(data) > limit:
        raise too_large(name, limit)
    return data


def _read_folder(root: Path, notes: list[str]) -> dict[str, bytes]:
    files = Files()
    with opened_folder(root) as top:
        for name, folder in _walk(top, "", notes, Counter()):
            files.add(name, partial(_read_file, name.rpartition("/")[2], name=name, folder=folder))
    return files.contents


def _single_zip_unpacked(files: dict[str, bytes], notes: list[str]) -> dict[str, bytes]:
    """Moodle puts the zip that a student handed in into a folder of its own."""
    zips = [name for name in files if name.lower().endswith(".zip")]
    if len(zips) != 1 or any(name.lower().endswith((".py", ".ipynb")) for name in files):
        return files
    notes.append(f"the folder's only source is in {zips[0]!r}, which was unpacked")
    if others := sorted(files.keys() - zips):
        notes.append(f"what lies beside it was left out: {_listed(others)}")
    return _unzipped(files[zips[0]], zips[0], notes)


def _unzipped(data: bytes, name: str, notes: list[str]) -> dict[str, bytes]:
    found = _kind(data)
    if found and found != "a zip archive":
        raise unreadable(f"{name!r} is {found}, expected a zip archive; zip the files instead")
    return unzip.read(data, name, notes)


def _walk(folder: int, prefix: str, notes: list[str], seen: Counter[str]) -> Iterator[tuple[str, int]]:
    """Each file's path and the open folder that it lies in."""
    if prefix.count("/") > MAX_FOLDERS:
        raise unreadable(f"{prefix[:60]!r} is nested more than {MAX_FOLDERS} folders deep; hand in the sources only")
    children = _children_of(folder, seen)
    is_environment = any(child.name == "pyvenv.cfg" for child in children)
    if is_environment:
        notes.append(f"the virtual environment {printable(prefix) or './'!r} was left out")
    for child in children:
        name = prefix + child.name
        if is_litter(child.name) or child.name.endswith(".pyc") or child.name == "pyvenv.cfg":
            continue
        if printable(name) != name:
            notes.append(f"{printable(name)!r} was left out: its name is not UTF-8")
        elif child.is_dir(follow_symlinks=False):
            if not (is_environment and is_installed(child.name)):
                with opened_folder(child.name, folder) as inner:
                    yield from _walk(inner, name + "/", notes, seen)
        elif child.is_file(follow_symlinks=False):
            yield name, folder
        else:
            notes.append(f"{name!r} is a link or a device, and was left out")


def _children_of(folder: int, seen: Counter[str]) -> list[os.DirEntry[str]]:
    children = []
    with os.scandir(folder) as entries:
        for entry in entries:
            seen["entries"] += 1
            if seen["entries"] > MAX_ENTRIES:
                raise unreadable(f"expected at most {MAX_FILES} files, found more than {MAX_ENTRIES} files, folders and links")
            children.append(entry)
    return sorted(children, key=lambda entry: entry.name)


def _digest_of_files(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        encoded = name.encode()
        digest.update(b"%d %d\n%s" % (len(encoded), len(data), encoded))
        digest.update(data)
    return digest.hexdigest()


def _check_suffix(name: str, shown: str, head: Callable[[], bytes]) -> None:
    """Refuse another kind of file by its name and first bytes, however large it is."""
    if PurePosixPath(name).suffix.lower() in {".py", ".ipynb", ".zip"}:
        return
    found = _ENTRIES.get(name) or ("an Office document" if _OFFICE.search(shown) else _kind(head()))
    described = f"{shown!r} ({found})" if found else repr(shown)
    raise unreadable(f"expected {ACCEPTED}, found {described}; {_remedy(shown, found)}")


def _kind(data: bytes) -> str:
    """What a file is by its first bytes, or nothing where they don't tell."""
    if data[257:262] == b"ustar":
        return "a tar archive"
    return next((kind for magic, kind in _KINDS.items() if data.startswith(magic)), "")


def _opened(upload: Upload, name: str, data: bytes, notes: list[str]) -> dict[str, bytes]:
    """The files of an upload that is a single file of an accepted kind."""
    shown, (stem, suffix) = printable(name), (PurePosixPath(name).stem, PurePosixPath(name).suffix.lower())
    if not data:
        raise unreadable(f"{shown!r} is empty (0 bytes); hand it in again")
    if suffix == ".zip":
        return _unzipped(data, shown, notes)
    if found := _kind(data):
        raise unreadable(f"{shown!r} is {found}, expected {suffix} text; {_remedy(shown, found)}")
    usable = shown == name and len(os.fsencode(stem + suffix)) <= unzip.MAX_NAME_BYTES
    files = Files()
    files.add((stem if usable else upload.student) + suffix, lambda _: data)
    return files.contents


def _remedy(name: str, found: str) -> str:
    renamed = re.search(r"(.+\.(?:py|ipynb))\.txt$", name, re.IGNORECASE)
    if renamed:
        return f"rename it to {renamed[1]!r}"
    if name in _ENTRIES:
        return "hand in the file itself"
    if found == "a zip archive":
        return "rename it to end in .zip"
    return "zip the files instead" if "archive" in found or _ARCHIVE.search(name) else "hand in the source itself"


# --- sources -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sources:
    """All files of a submission, once its sources could be read or not."""

    files: dict[str, bytes] = field(default_factory=dict)  # Python sources as UTF-8, notebooks as Python
    broken: dict[str, SubmissionError] = field(default_factory=dict)  # what is wrong with those that can't be read
    given: dict[str, str] = field(default_factory=dict)  # each source's name as it was handed in


def _readable(raw: Mapping[str, bytes], notes: list[str]) -> _Sources:
    found = _Sources()
    taken = raw.keys() | {folder for name in raw for folder in folders_of(name)}
    for name in sorted(raw, key=lambda name: (name.lower().endswith(".ipynb"), name)):
        if not name.lower().endswith((".py", ".ipynb")):
            found.files[name] = raw[name]
            continue
        source: bytes | SubmissionError
        try:
            if name.lower().endswith(".py"):
                source = _script(raw[name], name, notes)
            else:
                source = _notebook(raw[name], name, found.files, taken, notes)
        except SubmissionError as error:
            source = error
        target = _target(name, taken | found.files.keys() | found.given.keys())  # its cells may have written prune.py
        found.given[target] = name
        if isinstance(source, bytes):
            found.files[target] = source
        else:
            found.broken[target] = source
        _check_sizes(found.files)
    return found


def _target(name: str, taken: Set[str]) -> str:
    """The name of a source as Python: its own, or one that nothing else has, such as the script beside a notebook."""
    stem = name.rpartition(".")[0]
    target = f"{stem}.py"
    while target != name and target in taken:
        target = target.removesuffix(".py") + "_notebook.py"
    return target


def _check_sizes(files: Mapping[str, bytes]) -> None:
    if len(files) > MAX_FILES:
        raise unreadable(f"the notebooks' cells write more than {MAX_FILES} files; hand in the sources only")
    if sum(len(data) for name, data in files.items() if name.endswith(".py")) > MAX_SOURCES_BYTES:
        raise unreadable(f"the sources are larger than {MAX_SOURCES_BYTES >> 20} MiB together; hand in only what is needed")


def _script(data: bytes, name: str, notes: list[str]) -> bytes:
    source, dropped = notebook.without_magics(_utf8_source(data, name).decode())
    if dropped:
        notes.append(f"{name!r}: {notebook.counted(dropped)} dropped, which only notebooks understand")
    return source.encode()


def _notebook(data: bytes, name: str, files: dict[str, bytes], taken: Set[str], notes: list[str]) -> bytes:
    """The notebook as Python; what its cells would have written goes into ``files``, unless the name is taken."""
    converted = notebook.convert(data, name)
    folder = name.rpartition("/")[0]
    for written, text in converted.written.items():
        path = f"{folder}/{written}".lstrip("/")
        if path not in taken:
            files.setdefault(path, text.encode())
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
        notes.append(f"{found.given.get(entry, entry)!r} is graded, and the notebook {found.given[twin]!r} beside it is not")
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
    archive = next(filter(_ARCHIVE.search, names), "")
    remedy = f"unpack {archive!r} and zip its files themselves" if archive else "the name of a source ends in .py or .ipynb"
    return f" among {_listed(names)}; {remedy}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name[:80]) for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _shadowing(files: Mapping[str, bytes], entry: str) -> list[str]:
    """A note for each module of the submission that an import misses, or may miss, because a library has its name."""
    notes = {}
    for name in sorted(files.keys() - {entry}):
        beside = name.removeprefix(f"{entry.rpartition('/')[0]}/")  # both folders are looked in: the entry's and the top one
        top = beside.partition("/")[0].removesuffix(".py")
        if name.endswith(".py") and top in _ALWAYS_LIBRARY | _PERHAPS_LIBRARY:
            always = top in _ALWAYS_LIBRARY
            which = "gives the library, not this file" if always else "gives the library where the rubric lists it"
            notes[top] = f"{name!r} has the name of a library, so `import {top}` {which}; rename it"
    return list(notes.values())


def _capped(notes: list[str]) -> tuple[str, ...]:
    shown = tuple(note[:500] for note in notes[:MAX_NOTES])
    return (*shown, f"and {len(notes) - MAX_NOTES} more notes") if len(notes) > MAX_NOTES else shown
