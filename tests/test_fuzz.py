"""Whatever a stranger's bytes are, they are read or refused in a sentence: asked of well-shaped input that went wrong.

What must hold, and the builder of archives, are those of benchmarks/fuzz.py, which asks it of a million other inputs.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmarks import fuzz
from benchmarks.fuzz import PRUNE, Member, archive_of
from grader import intake, notebook
from grader.errors import SubmissionError
from grader.formulas import PARAMETER_COUNT
from grader.records import Submission, Upload

FUZZ = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
SHIPPED = (fuzz.ROOT / "rubric.yaml").read_text().splitlines()

# Names as students' machines, and their enemies, write them.
ENTRIES = ["prune.py", "main.py", "PRUNE.PY", "n.ipynb", "n.py", "prune.ipynb", "torch.py", "w.npy", "inner.zip"]
ODDITIES = [
    "hw",
    "a b",
    "..",
    ".",
    "",
    "~",
    "C:",
    "a\\b",
    "a\0b",
    "\n",
    "\u202e",
    "é",
    "e\u0301",
    "x" * 200,
    "x" * 201,
    "学生" * 40,
]
PARTS = st.sampled_from([*ENTRIES, *ODDITIES, "pyvenv.cfg", "bin", "__MACOSX", "._x"]) | st.text(max_size=6)
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
MAGICS = [
    "%",
    "!",
    "?",
    "%%writefile a.py",
    "%%bash",
    "%run -i 'a.py'",
    "%time f()",
    "x = !ls",
    "x = 7 \\",
    '"""',
    "# it's (",
    "[",
]
LINES = st.sampled_from([*MAGICS, "def prune(m):", "    return m", "from __future__ import annotations", "\t", ""]) | st.text(
    max_size=9
)
CELLS = st.lists(LINES, max_size=6).map("\n".join)


def encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


MEMBERS = st.builds(
    Member,
    name=NAMES.map(encoded) | st.binary(max_size=20),
    data=st.sampled_from([PRUNE, b"", b"\xff", bytes(5000), PRUNE + b"%cd\n"]) | st.binary(max_size=50),
    flags=st.sampled_from([0, 0x800, 0x800, 1, 8, 0x40, 0x20]),
    method=st.sampled_from([0, 8, 8, 8, 8, 8, 12, 14, 99]),
    mode=st.sampled_from([0, 0o100644, 0o100644, 0o100644, 0o040755, 0o120777, 0o010644, 0o060644, 0xFFFF]),
    extra=st.sampled_from([b"", b"up\x0e\0\1\0\0\0\0../evil.py", b"\1\0\x08\0" + b"\xff" * 8, b"\1\0"]) | st.binary(max_size=9),
    declared=st.none() | st.none() | st.sampled_from([0, 1, 1 << 31, (1 << 32) - 1]),
)
DAMAGE = st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=4)), max_size=3)


def damaged(data: bytes, damage: list[tuple[int, bytes]]) -> bytes:
    for position, patch in damage:
        start = position % (len(data) + 1)
        data = data[:start] + patch + data[start + max(len(patch), position % 3) :]
    return data


def json_of(*keys: str) -> st.SearchStrategy[object]:
    """JSON whose groups have the keys that are looked for, and anything else below them."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from([*keys, "code", 4])
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(keys), inner), max_leaves=20
    )


BOOKS = st.fixed_dictionaries(
    {"nbformat": st.sampled_from([1, 2, 3, 4, 4, 4, 4.5, 5, 0, -1, True, "4", None, math.nan])},
    optional={
        key: json_of("cell_type", "source", "input", "code", "cells", "name", "language", "metadata", "outputs")
        | st.lists(
            st.fixed_dictionaries({"cell_type": st.just("code")}, optional={"source": CELLS | st.lists(CELLS), "input": CELLS})
        )
        for key in ("cells", "worksheets", "metadata")
    },
)
NUMBERS = [".inf", ".nan", "-0.0", "1e308", "1.0e+308", "5.0e-324", "0x" + "f" * 99, "1:2:3", "yes", "~"]
TAGGED = ["!!bool x", "!!int ''", "!!float .", "!!binary x", "!!set {a}", "!!timestamp x", "2001-13-01"]
VALUES = st.sampled_from([*NUMBERS, *TAGGED, "'a\\nb'", '"\\ud800"', "[[]]", "{a: 1}", "&a [*a]", "? x", "<<: *a", "|\n a"])


# --- the gate ----------------------------------------------------------------------------------------------------------

WORDS = st.sampled_from([0, 1 << 31, 1, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7F800001, 0x7FC00000]) | st.integers(0, 2**32 - 1)


@FUZZ
@given(
    words=st.dictionaries(st.integers(0, PARAMETER_COUNT - 1), WORDS, max_size=5),
    longer=st.just(0) | st.just(0) | st.integers(-5, 5) | st.just(-4 * PARAMETER_COUNT),
)
def test_what_gets_through_the_gate_is_finite_complete_and_what_came(words: dict[int, int], longer: int) -> None:
    raw = bytearray(4 * PARAMETER_COUNT + longer)
    for position, word in words.items():
        if 4 * position + 4 <= len(raw):
            struct.pack_into("<L", raw, 4 * position, word)
    fuzz.weights_hold(bytes(raw))


# --- the intake --------------------------------------------------------------------------------------------------------


@FUZZ
@given(members=st.lists(MEMBERS, max_size=5))
@example(members=[Member(b"prune.py", PRUNE, extra=b"up\x0f\0\1\xc8\x95\xa6\x0c../evil.py")])
def test_any_members_of_a_zip_are_read_or_refused(members: list[Member]) -> None:
    fuzz.upload_holds(archive_of(members), "a.zip")


@FUZZ
@given(names=st.lists(NAMES, min_size=1, max_size=6))
def test_any_names_in_a_sound_zip_are_read_or_refused(names: list[str]) -> None:
    fuzz.upload_holds(archive_of([Member(encoded(name), PRUNE, flags=0x800) for name in ["prune.py", *names]]), "a.zip")


@FUZZ
@given(members=st.lists(MEMBERS, min_size=1, max_size=3), damage=DAMAGE, cut=st.integers(0, 60))
def test_any_damage_to_a_zip_is_read_or_refused(members: list[Member], damage: list[tuple[int, bytes]], cut: int) -> None:
    data = damaged(archive_of(members), damage)
    fuzz.upload_holds(data[: len(data) - cut], "a.zip")


@FUZZ
@given(book=BOOKS | json_of("cells", "nbformat", "metadata"), damage=st.just([]) | DAMAGE)
def test_any_json_as_a_notebook_is_read_or_refused(book: object, damage: list[tuple[int, bytes]]) -> None:
    fuzz.upload_holds(damaged(json.dumps(book).encode(), damage), "a.ipynb")


@FUZZ
@given(sources=st.lists(CELLS, min_size=1, max_size=4))
def test_any_cells_keep_their_number_of_lines(sources: list[str]) -> None:
    cells = [{"cell_type": "code", "source": source} for source in sources]
    try:
        converted = notebook.convert(json.dumps({"nbformat": 4, "cells": cells}).encode(), "n.ipynb")
    except SubmissionError:
        return
    lines = [source.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 2 for source in sources]
    assert converted.source.count("\n") == sum(lines)


@FUZZ
@given(
    cookie=st.sampled_from(["", "latin-1", "cp1252", "cp037", "gbk", "utf_16", "idna", "hex", "shift_jis", "mbcs", "iso2022_jp"]),
    body=st.binary() | CELLS.map(encoded),
)
@example(cookie="utf-8-sig\n\xff", body=b"")
@example(cookie="", body=b"\xef\xbb\xbf# coding: latin-1\n")
def test_any_bytes_as_a_source_are_read_or_refused(cookie: str, body: bytes) -> None:
    fuzz.upload_holds((f"# coding: {cookie}\n".encode("latin-1") if cookie else b"") + body, "a.py")


@FUZZ
@given(files=st.dictionaries(NAMES, st.sampled_from([PRUNE, b"", b'{"nbformat": 4}', archive_of([Member(b"prune.py", PRUNE)])])))
def test_any_folder_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("folder")
    for name, data in files.items():
        _write(folder / name.replace("..", "_").lstrip("/"), data)
    try:
        submission = intake.read(Upload("s", folder.name, str(folder), folder))
    except SubmissionError as refused:
        assert fuzz.is_shown_safely(refused.failure.message)
    else:
        _can_run(submission)


def _write(path: Path, data: bytes) -> None:
    """What the disk refuses is no case: a NUL, a name too long, a file where a folder is."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except (OSError, ValueError):
        pass


def _can_run(submission: Submission) -> None:
    assert submission.entry in submission.files
    fuzz.can_be_laid_out(submission.files)


@FUZZ
@given(names=st.sets(st.text(max_size=12).map(os.fsencode) | st.binary(max_size=12), min_size=1, max_size=8))
def test_any_names_in_a_batch_give_each_a_student_of_its_own(tmp_path_factory: pytest.TempPathFactory, names: set[bytes]) -> None:
    folder = tmp_path_factory.mktemp("batch")
    (folder / "ann.py").write_bytes(PRUNE)
    for name in names:
        if not {0, ord("/")} & set(name) and name not in (b"", b".", b".."):
            Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(PRUNE)
    found = intake.find([folder])
    assert len({upload.student.lower() for upload in found}) == len(found)
    assert all(upload.student.isascii() and "/" not in upload.student and upload.name.encode() for upload in found)


# --- the rubric --------------------------------------------------------------------------------------------------------


@FUZZ
@given(edits=st.lists(st.tuples(st.integers(0, len(SHIPPED) - 1), VALUES | st.text(max_size=6)), min_size=1, max_size=2))
def test_any_values_in_the_rubric_are_taken_or_refused(edits: list[tuple[int, str]]) -> None:
    lines = list(SHIPPED)
    for number, value in edits:
        lines[number] = f"{lines[number].partition(':')[0]}: {value}"
    fuzz.rubric_holds(encoded("\n".join(lines)))


@FUZZ
@given(moves=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=2), damage=DAMAGE)
def test_any_damage_to_the_rubric_is_taken_or_refused(moves: list[tuple[int, int]], damage: list[tuple[int, bytes]]) -> None:
    lines = list(SHIPPED)
    for source, target in moves:
        lines.insert(target, lines[source % len(lines)])
    fuzz.rubric_holds(damaged("\n".join(lines).encode(), damage))


@FUZZ
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(encoded))
def test_any_bytes_as_a_rubric_are_taken_or_refused(data: bytes) -> None:
    fuzz.rubric_holds(data)


# --- the fuzzer itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_every_target_of_the_fuzzer_holds_for_its_seeds(name: str) -> None:
    for seed in fuzz.TARGETS[name].seeds():
        fuzz.TARGETS[name].holds(seed)


@pytest.mark.parametrize("deed", [lambda path: path.write_bytes(b""), Path.mkdir, lambda path: path.symlink_to("x")])
def test_the_fuzzer_sees_what_is_written(tmp_path: Path, deed: Callable[[Path], object]) -> None:
    with pytest.raises(AssertionError, match="evil"), fuzz.nothing_is_done():
        deed(tmp_path / "evil")


def test_without_atheris_one_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("sys.argv", ["fuzz.py", "rubric"])
    assert fuzz.main() == 2
    assert f"-m pip install {fuzz.ATHERIS}" in capsys.readouterr().err
