"""Fuzzes what reads strangers' bytes (gate, intake, roster, rubric), guided by coverage of the grader's own code.

    python benchmarks/fuzz.py [--seconds N] [target ...]

Each target takes any bytes and says what must hold of them; tests/test_fuzz.py asks the same of what hypothesis makes.
Here atheris (libFuzzer) makes the bytes, from a few seeds, in a process of its own for each target. What breaks a target
is kept in build/fuzz/, and ``python benchmarks/fuzz.py --reproduce FILE TARGET`` shows it again.
"""

from __future__ import annotations

import argparse
import atexit
import datetime
import importlib.util
import io
import json
import math
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOUND = ROOT / "build" / "fuzz"
ATHERIS = "atheris==3.0.0"
SLOW_SECONDS = 10  # for one input; a hang is a bug too
PRUNE = b"def prune(model):\n    return model\n"
# What reading may do to the machine: nothing. Each name is an audit event of Python's.
_DEEDS = re.compile(
    r"os\.(?:mkdir|rename|remove|rmdir|link|symlink|truncate|chmod|chown|utime|putenv|exec|fork|posix_spawn|system|kill)"
    r"|subprocess\.Popen|socket\.(?:connect|bind)|pickle\.find_class|shutil\..*|ctypes\.dlopen"
)


# --- what must hold ----------------------------------------------------------------------------------------------------


def weights_hold(raw: bytes) -> None:
    """The gate: what gets through is every parameter, finite, and exactly what came."""
    import numpy as np

    from grader import weights
    from grader.formulas import PARAMETER_COUNT, PARAMETER_SHAPES

    arrays = _refused("rejected", lambda: weights.admit(raw))
    usable = len(raw) == PARAMETER_COUNT * 4 and bool(np.isfinite(np.frombuffer(raw, "<f4")).all())
    assert (arrays is not None) == usable
    if arrays is None:
        return
    assert {name: array.shape for name, array in arrays.items()} == PARAMETER_SHAPES
    assert b"".join(array.tobytes() for array in arrays.values()) == raw
    assert not any(array.flags.writeable for array in arrays.values())


def upload_holds(data: bytes, name: str) -> None:
    """The intake: a file of that name is a submission that can be laid out, or is refused in a sentence."""
    from grader import intake
    from grader.records import Upload

    path = _scratch() / name
    path.write_bytes(data)
    upload = Upload(student="s", name=name, source=name, path=path)
    with nothing_is_done():
        submission = _refused("unreadable", lambda: intake.read(upload))
        digest = intake.digest_of(upload)
    if submission is None:
        return
    assert submission.sha256 == digest
    assert submission.files[submission.entry].decode() is not None
    intake.imported_packages(submission)
    can_be_laid_out(submission.files)
    assert len(submission.notes) <= intake.MAX_NOTES + 1
    assert all(is_shown_safely(note) for note in submission.notes), submission.notes


def download_holds(members: list[Member]) -> None:
    """An LMS's download with any names and contents: each submission has a student of its own, and is read or refused alone."""
    from grader import intake
    from grader.errors import GraderError, UsageError

    path = _scratch() / "download.zip"
    path.write_bytes(archive_of(members))
    remarks: list[str] = []
    try:
        with nothing_is_done():
            uploads = intake.find([path], remarks)
    except UsageError as refused:  # of Gradescope's metadata
        assert is_shown_safely(str(refused)), refused
        return
    assert len({upload.student.lower() for upload in uploads}) == len(uploads) > 0
    for upload in uploads:
        assert upload.student.isascii() and not {"/", "\\", "\0"} & set(upload.student), upload.student
        assert upload.name.encode() is not None and upload.source.encode() is not None
        try:
            with nothing_is_done():
                submission = _refused("unreadable" if upload.handed_in else "missing", partial(intake.read, upload))
        except GraderError:  # a damaged download is nobody's zero
            continue
        if submission:
            assert submission.sha256 == intake.digest_of(upload)
            can_be_laid_out(submission.files)


def roster_holds(data: bytes) -> None:
    """The roster: everybody on it has an id, and a row where there are no submissions; or one sentence."""
    from grader import roster
    from grader.errors import UsageError

    path = _scratch() / "roster.csv"
    path.write_bytes(data)
    try:
        with nothing_is_done():
            found = roster.load(path, [])
    except UsageError as refused:
        assert is_shown_safely(str(refused)), refused
        return
    rows = roster.enrol([], found, [])
    assert len({row.student.lower() for row in rows}) == len(rows) == len(found.enrolled) > 0
    assert all(row.person.id and not row.handed_in for row in rows)


def can_be_laid_out(files: Mapping[str, bytes]) -> None:
    """Files that a folder can hold, none of them outside, and no more than the caps allow."""
    from grader import intake, unzip

    assert len(files) <= unzip.MAX_FILES
    assert sum(map(len, files.values())) <= unzip.MAX_TOTAL_BYTES + intake.MAX_SOURCES_BYTES
    for name in files:
        parts = name.split("/")
        assert len(name.encode()) <= unzip.MAX_PATH_BYTES
        assert all(0 < len(part.encode()) <= unzip.MAX_NAME_BYTES + len(".ipynb") for part in parts), name
        assert not {".", ".."} & set(parts) and "\0" not in name, name
        assert unicodedata.normalize("NFC", name) == name
        assert not any("/".join(parts[:depth]) in files for depth in range(1, len(parts))), name


def rubric_holds(data: bytes) -> None:
    """The rubric loader: a rubric whose points are numbers for every measurement, or one sentence."""
    from grader import rubric
    from grader.errors import UsageError

    path = _scratch() / "rubric.yaml"
    path.write_bytes(data)
    try:
        with nothing_is_done():
            found = rubric.load(path)
    except UsageError as refused:
        assert is_shown_safely(str(refused)), refused
        return
    assert 0 < found.max_points < math.inf
    assert rubric.parse(found.model_dump(mode="json"), "again") == found
    for mse in (0.0, 5e-324, 92.88, 1e300, math.inf, math.nan):
        for sparsity in (0.0, 0.5, 1.0):
            assert 0 <= found.points_of(found.score_of(mse, sparsity)) <= found.points.max


def is_shown_safely(text: str) -> bool:
    """One line without control characters, however the bytes were chosen that it speaks of."""
    return text.isprintable() and 0 < len(text) < 5000


@contextmanager
def nothing_is_done() -> Iterator[None]:
    """Python reports every file that is opened for writing, every process and connection: there must be none."""
    if not _deeds:
        _deeds.append("")
        sys.addaudithook(_audit)
    sys.dont_write_bytecode = True  # of an encoding's module, which is imported when a source names it first
    _deeds[:] = ["watching"]
    try:
        yield
    finally:
        done, _deeds[:] = _deeds[1:], ["idle"]
        sys.dont_write_bytecode = False
    assert not done, done


_deeds: list[str] = []  # once the hook is in place, which is for ever: whether it watches, and what it has seen


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _deeds[0] != "watching":
        return
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if writes or _DEEDS.fullmatch(event):
        _deeds.append(f"{event} {arguments!r}")


def _refused(verdict: str, read: Callable[[], Any]) -> Any:
    """What ``read`` gives, or None where it is refused as it must be: any other exception is a bug."""
    from grader.errors import SubmissionError

    try:
        return read()
    except SubmissionError as refused:
        assert refused.failure.verdict == verdict
        assert is_shown_safely(refused.failure.message), refused.failure.message
        return None


def _scratch() -> Path:
    """A folder of the process's own, below TMPDIR."""
    if not _folders:
        _folders.append(tempfile.mkdtemp(prefix="fuzz-"))
        atexit.register(shutil.rmtree, _folders[0], ignore_errors=True)
    return Path(_folders[0])


_folders: list[str] = []


# --- bytes of a shape --------------------------------------------------------------------------------------------------


def weights_from(data: bytes) -> bytes:
    """Any bytes as weights: zeros with a patch, some with a few bytes too many or too few. The first five bytes say where."""
    from grader.formulas import PARAMETER_COUNT

    longer, start = struct.unpack("<bL", data[:5].ljust(5, b"\0"))
    raw = bytearray(PARAMETER_COUNT * 4 + (longer if abs(longer) < 8 else 0))
    patch, start = data[5:], start % len(raw)
    raw[start : start + len(patch)] = patch[: len(raw) - start]
    return bytes(raw)


@dataclass(frozen=True, slots=True)
class Member:
    """A zip member with all that its headers may say of it, true or not."""

    name: bytes
    data: bytes = b""
    flags: int = 0
    method: int = zipfile.ZIP_DEFLATED
    mode: int = 0o100644
    extra: bytes = b""
    declared: int | None = None  # size, where it differs from that of the data


def archive_of(members: list[Member]) -> bytes:
    """A zip archive of them, with right checksums, which byte-wise mutation would never find."""
    local, central = b"", b""
    for member in members:
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(member.data) + packer.flush() if member.method == zipfile.ZIP_DEFLATED else member.data
        size = len(member.data) if member.declared is None else member.declared
        about = struct.pack(
            "<HHHHLLLHH",
            *(
                member.flags,
                member.method,
                0,
                33,
                zlib.crc32(member.data),
                len(packed),
                size,
                len(member.name),
                len(member.extra),
            ),
        )
        start = len(local)
        local += b"PK\x03\x04\x14\0" + about + member.name + member.extra + packed
        central += b"PK\x01\x02\x14\x03\x14\0" + about + struct.pack("<HHHLL", 0, 0, 0, member.mode << 16, start)
        central += member.name + member.extra
    count = len(members)
    return local + central + b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, count, count, len(central), len(local), 0)


def members_from(data: bytes) -> list[Member]:
    """Any bytes as the members of an archive: a head of six bytes, then the name, the extra field and the contents."""
    members: list[Member] = []
    while len(data) > 6 and len(members) < 50:
        names, extras, length, mode, flags, kind = data[:6]
        rest = data[6:]
        name, rest = rest[: names % 64], rest[names % 64 :]
        extra, rest = rest[: extras % 32], rest[extras % 32 :]
        content, data = rest[:length], rest[length:]
        members.append(
            Member(
                *(name, content),
                flags=(flags & 1) | (0x800 if flags & 2 else 0),
                method=(0, 8, 8, 8, 8, 12, 14, 93)[kind % 8],
                mode=mode << 8 | 0o644,
                extra=extra,
                declared=None if kind < 250 else 1 << (kind - 230),
            )
        )
    return members


def _as_member(member: Member) -> bytes:
    """The inverse of members_from, for seeds."""
    flags = (member.flags & 1) | (2 if member.flags & 0x800 else 0)
    kind = 1 if member.method == zipfile.ZIP_DEFLATED else 0
    head = bytes([len(member.name), len(member.extra), len(member.data), member.mode >> 8, flags, kind])
    return head + member.name + member.extra + member.data


def _notebook(*cells: str, **more: Any) -> bytes:
    found = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": found, **more}).encode()


def _zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("_py", ".py"), data)
    return buffer.getvalue()


# --- targets -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    holds: Callable[[bytes], None]  # raises where something does not hold
    seeds: Callable[[], list[bytes]]
    longest: int = 4096  # bytes of an input


def _weight_seeds() -> list[bytes]:
    words = (0.0, -0.0, 1.5, math.inf, math.nan, 1e-45, 3.4028234e38)
    return [struct.pack("<bL", longer, 4) + struct.pack("<7f", *words) for longer in (0, 1, -4)] + [bytes(40)]


def _archive_seeds() -> list[bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("prune.py", "w", force_zip64=True) as member:
        member.write(PRUNE)
    return [
        *(_zipped(prune_py=PRUNE), _zipped(hw__prune_py=PRUNE, hw__helper_py=b"x = 1"), _zipped(), buffer.getvalue()),
        archive_of([Member(b"prune.ipynb", _notebook("def prune(m): pass"), method=0)]),
    ]


def _member_seeds() -> list[bytes]:
    members = [
        Member(b"hw/prune.py", PRUNE),
        Member("hw/größe.py".encode(), b"x = 1", flags=0x800),
        Member(b"hw/pyvenv.cfg"),
        Member(b"../evil.py"),
        Member(b"link", b"/etc/passwd", mode=0o120777),
        Member(b"prune.ipynb", _notebook("def prune(m): pass")[:200], method=0),
        Member(b"prune.py", PRUNE, extra=b"up\x0f\0\1" + struct.pack("<L", zlib.crc32(b"prune.py")) + b"../evil.py"),
    ]
    return [_as_member(member) for member in members] + [b"".join(map(_as_member, members[:3]))]


def _download_seeds() -> list[bytes]:
    metadata = b"submission_9:\n  :submitters:\n  - :name: A\n    :sid: '1'\n  :created_at: 2026-02-17 23:21:04.1 Z\n"
    downloads = [
        [Member(b"doe_LATE_1_50_prune.py", PRUNE), Member(b"doe_1_51_prune-1.py", PRUNE), Member(b"anon_aB_52_x.zip", PRUNE)],
        [Member(b"A B_6_assignsubmission_file_/prune.py", PRUNE), Member(b"C_7_assignsubmission_file_/../x.py", PRUNE)],
        [Member(b"C_7_assignsubmission_file_x.py", PRUNE), Member(b"D_8_assignsubmission_onlinetext/onlinetext.html")],
        [Member(b"submission_metadata.yml", metadata), Member(b"submission_9/prune.py", PRUNE)],
        [Member(b"a/submission_metadata.yml", metadata), Member(b"__MACOSX/._x"), Member(b"a/submission_8/x.py", PRUNE)],
    ]
    return [b"".join(map(_as_member, members)) for members in downloads]


def _roster_seeds() -> list[bytes]:
    rows = 'id,name,group,submitted_at,aliases\n1,"Doe, Jane",T,2026-05-01T10:00:00+02:00,jd;doe\n2,B,T,,\n'
    return [rows.encode(), b"\xef\xbb\xbf" + rows.replace(",", ";").encode(), rows.encode("utf-16"), b"id\tname\r\n1\tA\r\n"]


def _notebook_seeds() -> list[bytes]:
    cell = {"cell_type": "code", "input": ["%time f()\n", "!ls\n"], "language": "python"}
    return [
        _notebook("%matplotlib inline\n!pip install x\nx = !ls", "def prune(model):\n    return model"),
        _notebook("%%writefile -a helper.py\nx = 1", "from __future__ import annotations\n%run -i 'a b.py'\nx?"),
        _notebook("%%bash\nls", metadata={"kernelspec": {"language": "R"}, "language_info": {"name": "python"}}),
        json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [cell]}]}).encode(),
    ]


def _source_seeds() -> list[bytes]:
    return [
        *(PRUNE, b"\xef\xbb\xbf" + PRUNE.replace(b"\n", b"\r\n"), b"# -*- coding: latin-1 -*-\ns = '\xe9'\n" + PRUNE),
        b"#!/usr/bin/python\n# coding: cp1252\nprune = lambda model: model\n%cd x\n!ls \\\n  -l\n",
        b"import torch, numpy as np\nfrom a.b import c as prune\n__import__('x')\ntext = '''\n%x\n'''\n",
        *(b"# coding: gbk\n" + "学生".encode("gbk"), PRUNE.decode().encode("utf-16")),
    ]


def _rubric_seeds() -> list[bytes]:
    shipped = (ROOT / "rubric.yaml").read_bytes()
    criteria = b"""criteria:
  - {name: very sparse, kind: threshold, metric: sparsity, at_least: 0.95, points: 0.25}
  - {name: beats the bridge, kind: beats_reference, metric: score, points: 0.25}
  - &a {name: write-up, kind: manual, points: 1}
"""
    return [shipped, criteria, b"points: {lower: 0.1, upper: 0.2, max: 1e3}\n", b"a: &a [1, *a]\n? [b]\n: !!bool yes\n"]


TARGETS = {
    "weights": Target(lambda data: weights_hold(weights_from(data)), _weight_seeds, longest=256),
    "archive": Target(partial(upload_holds, name="a.zip"), _archive_seeds),
    "members": Target(lambda data: upload_holds(archive_of(members_from(data)), "a.zip"), _member_seeds),
    "notebook": Target(partial(upload_holds, name="a.ipynb"), _notebook_seeds),
    "source": Target(partial(upload_holds, name="a.py"), _source_seeds),
    "downloads": Target(lambda data: download_holds(members_from(data)), _download_seeds),
    "roster": Target(roster_holds, _roster_seeds),
    "rubric": Target(rubric_holds, _rubric_seeds),
}


# --- running -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    target: str
    seconds: float
    inputs: int
    edges: int  # of the grader's code, and of the YAML parser, that the inputs have reached
    found: tuple[Path, ...]  # inputs that broke the target
    traceback: str


def main() -> int:
    sys.path.insert(0, str(ROOT))  # this checkout's grader, whatever else may be installed
    arguments = _arguments()
    if arguments.child:
        return _fuzz(arguments.child, arguments.options)
    if arguments.reproduce:
        for target in arguments.targets:
            TARGETS[target].holds(arguments.reproduce.read_bytes())
        return 0
    if not importlib.util.find_spec("atheris"):
        print(f"atheris is missing; install it beside the grader: {sys.executable} -m pip install {ATHERIS}", file=sys.stderr)
        return 2
    results = []
    for target in arguments.targets or TARGETS:
        results.append(_run(target, arguments.seconds))
        print(f"{target}: {results[-1].inputs:,} inputs", file=sys.stderr)
    print(_table(results))
    return 1 if any(result.found for result in results) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="target", help=f"one of {', '.join(TARGETS)}; all if none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="give one input to the named targets")
    parser.add_argument("--child", choices=TARGETS, help=argparse.SUPPRESS)
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - TARGETS.keys():
        parser.error(f"no target {', '.join(sorted(unknown))}; expected some of {', '.join(TARGETS)}")
    return arguments


def _fuzz(target: str, options: list[str]) -> int:
    """In the child: fuzz until libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["grader", "yaml"]):
        from grader import intake, roster, rubric, weights  # noqa: F401  # what the targets import, instrumented
    atheris.Setup([sys.argv[0], *options], TARGETS[target].holds)
    atheris.Fuzz()
    return 0


def _run(name: str, seconds: int) -> Result:
    """Fuzz one target in a process of its own, because libFuzzer ends the one that it runs in."""
    target, found = TARGETS[name], FOUND / name
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:  # libFuzzer lets no child tidy up
        corpus = Path(scratch, "corpus")
        corpus.mkdir()
        for number, seed in enumerate(target.seeds()):
            (corpus / str(number)).write_bytes(seed)
        options = [
            *(f"-max_total_time={seconds}", f"-timeout={SLOW_SECONDS}", f"-max_len={target.longest}", "-rss_limit_mb=4096"),
            *("-print_final_stats=1", f"-artifact_prefix={found}/", str(corpus)),
        ]
        command = [sys.executable, __file__, "--child", name, "--options", *options]
        environment = {**os.environ, "TMPDIR": scratch}
        started = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="backslashreplace")
    elapsed = time.monotonic() - started
    return _result(name, elapsed, done.stdout + done.stderr, done.returncode, tuple(sorted(found.iterdir())))


def _result(name: str, elapsed: float, printed: str, status: int, found: tuple[Path, ...]) -> Result:
    def last(pattern: str) -> int:
        return int(next(reversed(re.findall(pattern, printed)), 0))

    inputs = last(r"stat::number_of_executed_units: +(\d+)") or last(r"(?m)^#(\d+)\t")
    if not inputs or (status and not found):
        raise SystemExit(f"{name}: the fuzzer failed with status {status}\n{printed[-3000:]}")
    traceback = re.search(r"=== Uncaught Python exception: ===\n(.*?)(?:\n\n|\Z)", printed, re.DOTALL)
    shown = traceback[1][:3000] if traceback else printed[-3000:]
    return Result(name, elapsed, inputs, last(r"cov: (\d+)"), found, shown)


def _table(results: list[Result]) -> str:
    lines = [f"{'target':10}{'seconds':>9}{'inputs':>13}{'edges':>8}{'crashes':>9}"]
    lines += [
        f"{result.target:10}{result.seconds:9.0f}{result.inputs:13,}{result.edges:8}{len(result.found):9}" for result in results
    ]
    lines.append(f"{sum(result.inputs for result in results):32,} inputs, {datetime.date.today()}, {_machine()}")
    for result in results:
        lines += [f"\n{result.target}: kept in {path}\n{result.traceback}" for path in result.found]
    return "\n".join(lines)


def _machine() -> str:
    try:
        models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        models = []
    processor = models[0] if models else platform.processor() or platform.machine()
    return f"{os.cpu_count()} x {processor}, Python {platform.python_version()}, {ATHERIS}"


if __name__ == "__main__":
    sys.exit(main())
