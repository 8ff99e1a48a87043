"""Intake: what is found, what is read, and what a hostile upload may not do. Archives are built here, byte by byte."""

from __future__ import annotations

import ast
import io
import os
import socket
import stat
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest

from grader import intake, notebook
from grader.errors import GraderError, SubmissionError, UsageError
from grader.records import Submission, Upload

PRUNE = b"def prune(model):\n    return model\n"


def read_file(folder: Path, name: str, data: bytes) -> Submission:
    path = folder / name
    path.write_bytes(data)
    return intake.read(Upload(student="s", name=name, source=str(path), path=path))


def read_folder(folder: Path, files: dict[str, bytes]) -> Submission:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return intake.read(Upload(student="s", name=folder.name, source=str(folder), path=folder))


def zipped(files: dict[str, bytes] | list[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, data)
    return buffer.getvalue()


def cells(*sources: str) -> bytes:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    return nbformat.writes(book).encode()


def python_of(*sources: str) -> str:
    """The notebook as Python, without the rest of the lines that name its cells."""
    return notebook.convert(cells(*sources), "n.ipynb").source.replace(" of 'n.ipynb'\n", "\n")


def refusal(folder: Path, name: str, data: bytes) -> str:
    with pytest.raises(SubmissionError) as caught:
        read_file(folder, name, data)
    assert (caught.value.failure.verdict, caught.value.failure.stage) == ("unreadable", "unpack")
    return caught.value.failure.message


def students(*paths: Path) -> list[str]:
    return [upload.student for upload in intake.find(paths)]


# --- finding -------------------------------------------------------------------------------------------------------


def test_each_child_of_a_folder_is_one_submission(tmp_path: Path) -> None:
    for name in ("ann.py", "bob.ipynb", "cy.zip"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "dee").mkdir()
    assert students(tmp_path) == ["ann", "bob", "cy", "dee"]


def test_a_file_or_a_folder_with_prune_py_is_one_submission_itself(tmp_path: Path) -> None:
    folder = tmp_path / "ann"
    folder.mkdir()
    (folder / "prune.py").write_bytes(PRUNE)
    (folder / "helper.py").write_bytes(PRUNE)
    assert students(folder) == ["ann"]
    assert students(folder / "helper.py") == ["helper"]


def test_the_current_folder_has_the_name_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "prune.py").write_bytes(PRUNE)
    monkeypatch.chdir(tmp_path / "ann")
    assert students(Path()) == ["ann"]


def test_litter_is_no_submission_but_an_unknown_file_is(tmp_path: Path) -> None:
    for name in (
        "README",
        "README.md",
        "notes.txt",
        "roster.csv",
        "rubric.yaml",
        ".DS_Store",
        "~$x.docx",
        "a.py",
        "b.rar",
        "c.docx",
    ):
        (tmp_path / name).write_bytes(b"x")
    for name in ("__pycache__", "__MACOSX", ".git"):
        (tmp_path / name).mkdir()
    assert students(tmp_path) == ["a", "b", "c"]


def test_what_is_left_out_of_a_batch_is_named_in_one_remark(tmp_path: Path) -> None:
    for name in ("a.py", "prune.txt", "rubric.yaml", ".DS_Store", "desktop.ini", "~$x.docx"):
        (tmp_path / name).write_bytes(PRUNE)
    remarks: list[str] = []
    intake.find([tmp_path], remarks)
    assert remarks == [f"{tmp_path}: left out, as no submission: prune.txt, rubric.yaml"]


def test_of_many_files_that_are_left_out_the_first_are_named(tmp_path: Path) -> None:
    for name in ("a.py", *(f"{n:02}.csv" for n in range(30))):
        (tmp_path / name).write_bytes(PRUNE)
    remarks: list[str] = []
    intake.find([tmp_path], remarks)
    assert remarks[0].endswith("06.csv, 07.csv and 22 more")


@pytest.mark.parametrize("name", ["readme.py", "README.ipynb", "Readme_ann.ZIP", "readme.py.txt"])
def test_what_is_named_like_a_source_is_a_submission_whatever_its_first_letters(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(PRUNE)
    assert len(students(tmp_path)) == 1


def test_reports_of_an_earlier_batch_are_no_submission_but_are_named(tmp_path: Path) -> None:
    (tmp_path / "week1").mkdir()
    (tmp_path / "week1" / "ledger.sqlite").touch()
    (tmp_path / "a.py").write_bytes(PRUNE)
    remarks: list[str] = []
    assert [upload.student for upload in intake.find([tmp_path], remarks)] == ["a"]
    assert remarks == [f"{tmp_path}: left out, as no submission: week1/ (reports)"]
    with pytest.raises(UsageError, match="week1: holds the reports of a batch, expected submissions"):
        intake.find([tmp_path / "week1"])


def test_a_students_folder_is_a_submission_even_with_a_file_of_a_ledgers_name(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    for name in ("ledger.sqlite", "main.py"):
        (tmp_path / "ann" / name).write_bytes(PRUNE)
    assert students(tmp_path) == ["ann"]


def test_a_clash_of_stems_takes_the_name_with_its_suffix(tmp_path: Path) -> None:
    for name in ("ann.py", "ann.ipynb", "bob.py"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "ann").mkdir()
    assert students(tmp_path) == ["ann", "ann.ipynb", "ann.py", "bob"]


def test_student_ids_are_unique_whatever_the_case_and_folder(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name in ("ann.py", "ANN.py", "Ann.PY"):
            (tmp_path / folder / name).write_bytes(b"x")
    found = students(tmp_path / "one", tmp_path / "two")
    assert len({name.lower() for name in found}) == 6
    assert found == students(tmp_path / "two", tmp_path / "one")


@pytest.mark.parametrize(
    "name", ["-rf", "..x", "CON", "a b", "Jörg", "学生", "x" * 180, "a\nb", "=1+1", "a/../b".replace("/", "\\"), "\u202ecod"]
)
def test_student_ids_are_safe_and_the_name_is_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / f"0{name}.py").write_bytes(b"x")  # a digit in front, because a leading dot hides a file
    (tmp_path / f"{name}.py").write_bytes(b"x")
    for upload in intake.find([tmp_path / f"0{name}.py", tmp_path / f"{name}.py"]):
        assert upload.name in {f"0{name}.py", f"{name}.py"}
        assert 0 < len(upload.student) <= 100
        assert upload.student.replace("-", "").replace(".", "").replace("_", "").isalnum()
        assert upload.student.isascii()
        assert upload.student[0] not in "-."
        assert upload.student.lower() != "con"


def test_names_that_differ_only_in_what_is_lost_stay_apart(tmp_path: Path) -> None:
    for name in ("Jörg.py", "Jorg.py", "J rg.py", "J_rg.py"):
        (tmp_path / name).write_bytes(b"x")
    assert len({student.lower() for student in students(tmp_path)}) == 4


def test_a_name_that_is_not_utf8_still_gets_its_row(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff\xfe.py", "wb") as file:
        file.write(PRUNE)
    (upload,) = intake.find([tmp_path])
    upload.name.encode()
    assert intake.read(upload).entry.endswith(".py")


def test_the_same_path_twice_is_one_submission(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(PRUNE)
    assert students(tmp_path, tmp_path / "a.py", tmp_path / ".", tmp_path) == ["a"]


@pytest.mark.parametrize("make", ["nothing", "empty", "litter"])
def test_a_path_without_submissions_is_wrong_usage(tmp_path: Path, make: str) -> None:
    path = tmp_path / "batch"
    if make != "nothing":
        path.mkdir()
    if make == "litter":
        (path / "README.md").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"batch: .*expected"):
        intake.find([path])


def test_a_path_that_is_a_device_gets_the_words_of_one_in_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    for path in (tmp_path, tmp_path / "pipe.py", Path("/dev/null")):
        (upload,) = intake.find([path])
        with pytest.raises(SubmissionError, match="is a link or a device, expected a .py, .ipynb or .zip file, or a folder"):
            intake.read(upload)


def test_a_link_in_a_batch_is_never_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_bytes(PRUNE)
    batch = tmp_path / "batch"
    batch.mkdir()
    (batch / "ann.py").symlink_to(tmp_path / "secret.py")
    (batch / "bob").symlink_to(tmp_path)
    for upload in intake.find([batch]):
        with pytest.raises(SubmissionError, match="is a link"):
            intake.read(upload)


@pytest.mark.parametrize("target", ["x" * 300, "loop", "/nowhere"])
def test_a_link_that_leads_nowhere_stops_no_batch(tmp_path: Path, target: str) -> None:
    (tmp_path / "loop").symlink_to(target)
    (tmp_path / "ann.py").write_bytes(PRUNE)
    assert students(tmp_path) == ["ann", "loop"]


def test_what_is_no_file_blocks_no_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    os.mkfifo("fifo.py")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.py")
        for upload in intake.find([tmp_path]):
            with pytest.raises(SubmissionError, match="is a link or a device, expected a .py"):
                intake.read(upload)
            assert intake.digest_of(upload) is None


# --- sources -------------------------------------------------------------------------------------------------------


def test_a_plain_file_is_its_own_entry(tmp_path: Path) -> None:
    submission = read_file(tmp_path, "ann.py", PRUNE)
    assert (submission.entry, dict(submission.files), submission.notes) == ("ann.py", {"ann.py": PRUNE}, ())


def test_crlf_and_bom_become_plain_utf8(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + PRUNE.replace(b"\n", b"\r\n")
    assert read_file(tmp_path, "a.py", data).files["a.py"] == PRUNE


def test_a_latin1_cookie_is_honoured_and_changed_to_match(tmp_path: Path) -> None:
    source = read_file(tmp_path, "a.py", "#!/usr/bin/python\n# -*- coding: latin-1 -*-\ns = 'é'\n".encode("latin-1")).files[
        "a.py"
    ]
    assert source.decode() == "#!/usr/bin/python\n# -*- coding: utf-8 -*-\ns = 'é'\n"
    compile(source, "a", "exec")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (PRUNE.decode().encode("utf-16"), "UTF-16"),
        (b"x = 1\n\0", "NUL byte in line 2"),
        (b"x = 1\n\n\ns = '\xe9'\n", "UTF-8 text in line 4"),
        (b"# \xe9\n", "UTF-8 text in line 1"),
        (b"<!DOCTYPE html>\n<html>", "web page"),
        (b"{\\rtf1\\ansi\n", "rich text"),
        (b"# coding: no-such\n", "encoding"),
        (b"# coding: unicode_escape\n", "encoding"),
        (b"# coding: punycode\n", "encoding"),
        (b"# coding: rot13\n", "encoding"),
        (b"", "empty (0 bytes)"),
        (cells("x = 1"), "rename it to end in .ipynb"),
        (zipped({"prune.py": PRUNE}), "rename it to end in .zip"),
        (b"x=1\n" * (2 << 20), "4 MiB"),
    ],
)
def test_a_source_that_is_no_utf8_text_says_how_to_fix_it(tmp_path: Path, data: bytes, says: str) -> None:
    assert says in refusal(tmp_path, "a.py", data)


@pytest.mark.parametrize("name", ["a.rar", "a.7z", "a.tar.gz", "a.docx", "a.pdf", "a"])
def test_other_kinds_of_file_are_told_what_is_accepted(tmp_path: Path, name: str) -> None:
    assert ".py, .ipynb or .zip" in refusal(tmp_path, name, b"Rar!\x1a\x07")


def test_an_office_document_is_no_archive_to_its_author(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.docx", b"PK\x03\x04").endswith("'a.docx' (an Office document); hand in the source itself")


def test_a_source_that_windows_renamed_is_told_its_name(tmp_path: Path) -> None:
    assert "rename it to 'prune.py'" in refusal(tmp_path, "prune.py.txt", PRUNE)
    assert students(tmp_path) == ["prune.py"]


@pytest.mark.parametrize("name", ["a.py", "a.ipynb", "a.zip", "a.rar", "s/data.bin"])
def test_a_file_of_a_hundred_gigabytes_is_refused_unread(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    os.truncate(path, 100 << 30)
    upload = Upload(student="s", name=name, source=name, path=path.parent if "/" in name else path)
    with pytest.raises(SubmissionError, match="is larger than|expected a .py"):
        intake.read(upload)
    assert intake.digest_of(upload) is None


def test_a_file_that_grows_while_it_is_read_is_read_no_further_than_its_limit() -> None:
    with pytest.raises(SubmissionError, match="larger"):
        intake._read_file("/proc/self/maps", 100, "maps")  # which says that it has no bytes


@pytest.mark.parametrize("line", ["import" + " " * 400_000 + "x", "from " + "a" * 400_000])
def test_a_long_line_costs_its_length_and_not_the_square_of_it(tmp_path: Path, line: str) -> None:
    started = time.monotonic()
    submission = read_folder(tmp_path / "s", {"prune.py": line.encode(), "b.py": b""})
    intake.imported_packages(submission)
    with pytest.raises(SubmissionError, match="none that does"):
        read_folder(tmp_path / "t", {"a.py": line.encode(), "b.py": b""})
    assert time.monotonic() - started < 2


def test_a_long_line_of_a_notebook_costs_its_length_too() -> None:
    started = time.monotonic()
    for line in (
        "%run " + "-a " * 100_000 + "!",
        "from __future__ import" + " " * 400_000 + "!",
        "from __future__ import a" + " " * 400_000,
    ):
        python_of(line)
    assert time.monotonic() - started < 2


def test_sources_are_no_larger_than_is_worth_searching(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="the sources are larger than 16 MiB together"):
        read_folder(tmp_path / "s", {f"{i}.py": b"x = 1\n" * 500_000 for i in range(6)})


def test_intake_never_runs_what_it_reads(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    read_folder(
        tmp_path / "s", {"prune.py": f"open({str(marker)!r}, 'w')\n".encode() + PRUNE, "torch.py": b"1/0", "conftest.py": b"1/0"}
    )
    assert not marker.exists()


# --- entry ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "entry"),
    [
        ({"prune.py": b"", "main.py": PRUNE}, "prune.py"),
        ({"main.py": b"", "other.py": PRUNE}, "main.py"),
        ({"a.py": PRUNE, "b.py": b"x = 1"}, "a.py"),
        ({"a.py": b"async def prune(m): pass", "b.py": b""}, "a.py"),
        ({"a.py": b"prune = lambda m: m", "b.py": b"prune == 1"}, "a.py"),
        ({"a.py": b"prune: object = f", "b.py": b""}, "a.py"),
        ({"a.py": b"class prune: pass", "b.py": b""}, "a.py"),
        ({"a.py": b"from b import shrink as prune", "b.py": b"def shrink(m): pass"}, "a.py"),
        ({"a.py": PRUNE, "b.py": b"from torch.nn.utils import prune"}, "a.py"),
        ({"a.py": PRUNE, "b.py": b"import torch.nn.utils.prune as prune"}, "a.py"),
        ({"a.py": PRUNE, "run.py": b"from a import prune"}, "a.py"),
        ({"a.py": b"def Prune(m): pass"}, "a.py"),
        ({"src/prune.py": PRUNE, "src/b.py": PRUNE, "setup.py": b""}, "src/prune.py"),
        ({"solution.ipynb": cells("def prune(m): return m"), "b.py": b""}, "solution.py"),
        ({"a.py": b"", "b.py": b"import  torch.nn.utils.prune as prune", "c.py": PRUNE}, "c.py"),
        ({"write.ipynb": cells("%%writefile prune.py\nx = 1"), "prune.ipynb": cells("y = 2")}, "prune.py"),
    ],
)
def test_the_entry_is_chosen(tmp_path: Path, files: dict[str, bytes], entry: str) -> None:
    assert read_folder(tmp_path / "s", files).entry == entry


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.py": PRUNE, "b.py": PRUNE}, "several that do: 'a.py', 'b.py'"),
        ({"a.py": b"", "b.py": b"import torch.nn.utils.prune as prune"}, "none that does among 'a.py', 'b.py'"),
        ({"weights.pt": b"x"}, "no Python source among 'weights.pt'"),
        ({"work.7z": b"x", "a.txt": b"x"}, "unpack 'work.7z' and zip its files themselves"),
    ],
)
def test_without_a_clear_entry_the_candidates_are_named(tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    with pytest.raises(SubmissionError, match=says):
        read_folder(tmp_path / "s", files)


def test_a_broken_helper_is_left_out_but_a_broken_entry_is_the_answer(tmp_path: Path) -> None:
    submission = read_folder(tmp_path / "s", {"prune.py": PRUNE, "draft.ipynb": b"{", "bad.py": b"\xff"})
    assert list(submission.files) == ["prune.py"]
    assert len(submission.notes) == 2
    with pytest.raises(SubmissionError, match=r"prune\.py"):
        read_folder(tmp_path / "t", {"prune.py": b"\xff", "main.py": PRUNE})


# --- folders -------------------------------------------------------------------------------------------------------


def test_a_folder_keeps_helpers_and_data_but_no_litter(tmp_path: Path) -> None:
    kept = {"prune.py": PRUNE, "pkg/__init__.py": b"", "pkg/a.py": b"", "data/w.npy": b"\0\1"}
    litter = {
        ".git/config": b"",
        "__pycache__/prune.cpython-311.pyc": b"",
        "old.pyc": b"",
        "__MACOSX/._prune.py": b"",
        ".DS_Store": b"",
    }
    assert dict(read_folder(tmp_path / "s", kept | litter).files) == kept


def test_links_and_fifos_in_a_folder_are_left_out_by_name(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "data.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    submission = read_folder(folder, {"prune.py": PRUNE})
    assert list(submission.files) == ["prune.py"]
    assert all(any(name in note for note in submission.notes) for name in ("data.txt", "up", "pipe"))


def test_a_folder_that_a_link_replaces_meanwhile_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.py").write_text("secret")
    folder = tmp_path / "s"
    (folder / "inner").mkdir(parents=True)
    listed = intake._children_of

    def swapped(*arguments: Any) -> Any:
        children = listed(*arguments)
        (folder / "inner").rmdir()
        (folder / "inner").symlink_to(tmp_path / "elsewhere")
        return children

    monkeypatch.setattr(intake, "_children_of", swapped)
    with pytest.raises(GraderError, match="'inner' in it can't be read"):
        read_folder(folder, {})


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/etc/passwd", path), os.mkdir])
def test_a_file_that_something_else_replaces_meanwhile_is_not_waited_for(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "prune.py")
    with pytest.raises(OSError, match="no longer a file|symbolic links"):
        intake._read_file(tmp_path / "prune.py", 100, "prune.py")


def test_an_unreadable_file_is_named_and_is_nobodys_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: str, *_: Any, **__: Any) -> bytes:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(intake, "_read_file", denied)
    with pytest.raises(GraderError, match=r"'prune.py' in it can't be read: Permission denied"):
        read_folder(tmp_path / "s", {"prune.py": PRUNE})


def test_links_and_empty_folders_are_counted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_ENTRIES", 50)
    for number in range(60):
        (tmp_path / "s" / str(number)).mkdir(parents=True)
    with pytest.raises(SubmissionError, match="more than 50 files, folders and links"):
        read_folder(tmp_path / "s", {"prune.py": PRUNE})


def test_a_thousand_links_make_no_thousand_notes(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for number in range(100):
        (tmp_path / "s" / f"link{number}").symlink_to("/etc/passwd")
    notes = read_folder(tmp_path / "s", {"prune.py": PRUNE}).notes
    assert (len(notes), notes[-1]) == (21, "and 80 more notes")


def test_a_virtual_environment_is_left_out(tmp_path: Path) -> None:
    files = {"prune.py": PRUNE, "env/pyvenv.cfg": b"", "env/lib/prune.py": PRUNE}
    assert list(read_folder(tmp_path / "s", files).files) == ["prune.py"]
    assert list(read_file(tmp_path, "s.zip", zipped(files)).files) == ["prune.py"]


def test_the_student_s_own_files_in_a_virtual_environment_are_kept(tmp_path: Path) -> None:
    files = {"pyvenv.cfg": b"", "Lib/site-packages/prune.py": b"", "bin/x": b"", "prune.py": PRUNE, "data/w.txt": b"1"}
    for submission in (read_folder(tmp_path / "s", files), read_file(tmp_path, "s.zip", zipped(files))):
        assert sorted(submission.files) == ["data/w.txt", "prune.py"]
        assert submission.notes == ("the virtual environment './' was left out",)


def test_a_folder_that_holds_only_a_zip_is_that_zip(tmp_path: Path) -> None:
    submission = read_folder(tmp_path / "Jane_1_assignsubmission_file", {"work.zip": zipped({"prune.py": PRUNE}), "w.pdf": b"x"})
    assert dict(submission.files) == {"prune.py": PRUNE}
    assert submission.notes[1] == "what lies beside it was left out: 'w.pdf'"


def test_the_digest_of_a_folder_is_of_names_and_contents(tmp_path: Path) -> None:
    one = read_folder(tmp_path / "1", {"prune.py": PRUNE, "ab": b"c"})
    same = read_folder(tmp_path / "2", {"ab": b"c", "prune.py": PRUNE})
    other = read_folder(tmp_path / "3", {"prune.py": PRUNE, "a": b"bc"})
    assert one.sha256 == same.sha256 != other.sha256


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="at most 1000 files"):
        read_folder(tmp_path / "s", {"prune.py": PRUNE} | {f"d/{i}": b"" for i in range(1000)})


def test_a_helper_with_the_name_of_a_library_is_noted(tmp_path: Path) -> None:
    files = {"src/prune.py": PRUNE, "torch/nn.py": b"", "src/random.py": b"", "src/helper.py": b"", "tqdm.py": b""}
    assert read_folder(tmp_path / "s", files).notes == (
        "'src/random.py' has the name of a library, so `import random` gives the library, not this file; rename it",
        "'torch/nn.py' has the name of a library, so `import torch` gives the library, not this file; rename it",
        "'tqdm.py' has the name of a library, so `import tqdm` gives the library where the rubric lists it; rename it",
    )


# --- archives ------------------------------------------------------------------------------------------------------


def test_a_zip_is_read_without_its_top_folder_and_litter(tmp_path: Path) -> None:
    members = {
        "hw/prune.py": PRUNE,
        "hw/helper.py": b"",
        "__MACOSX/hw/._prune.py": b"\0",
        "hw/.DS_Store": b"\0",
        "hw/__pycache__/a.pyc": b"",
    }
    assert dict(read_file(tmp_path, "a.zip", zipped(members)).files) == {"prune.py": PRUNE, "helper.py": b""}


@pytest.mark.parametrize(
    "name",
    ["../x.py", "a/../../x.py", "/etc/x.py", "C:/x.py", "C:x.py", "a\\..\\x.py", "a//x.py", "./x.py", "..", "d/" * 30 + "x"],
)
def test_a_member_that_points_elsewhere_is_refused_by_name(tmp_path: Path, name: str) -> None:
    message = refusal(tmp_path, "a.zip", zipped([("prune.py", PRUNE), (name, b"x")]))
    assert repr(name)[:20] in message


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip_are_refused_by_name(tmp_path: Path, kind: int) -> None:
    member = zipfile.ZipInfo("secret.txt")
    member.external_attr = (kind | 0o777) << 16
    assert "'secret.txt' is a" in refusal(tmp_path, "a.zip", zipped([("prune.py", PRUNE), (member, b"/etc/passwd")]))


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    bomb = zipped({"prune.py": PRUNE, "zeros.bin": bytes(30 << 20)})
    assert "200 times" in refusal(tmp_path, "a.zip", bomb)


def test_a_bomb_that_lies_about_its_size_stops_at_what_it_declared(tmp_path: Path) -> None:
    bomb = zipped({"prune.py": PRUNE, "zeros.bin": bytes(30 << 20)})
    lying = bomb.replace(struct.pack("<L", 30 << 20), struct.pack("<L", 1000))
    started = time.monotonic()
    assert "zip" in refusal(tmp_path, "a.zip", lying)
    assert time.monotonic() - started < 1


def test_ten_thousand_entries_are_refused(tmp_path: Path) -> None:
    assert "1000 files" in refusal(tmp_path, "a.zip", zipped({f"{i}.py": b"" for i in range(10_000)}))
    assert "1000 files" in refusal(tmp_path, "b.zip", b"PK\x01\x02" * 20_000)


def test_files_larger_than_the_caps_are_refused(tmp_path: Path) -> None:
    noise = os.urandom(1 << 20)
    assert "'big' is larger" in refusal(tmp_path, "a.zip", zipped({"prune.py": PRUNE, "big": noise * 33}))
    assert "MiB" in refusal(tmp_path, "b.zip", os.urandom(65 << 20))


def test_a_member_in_the_64_bit_format_is_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("prune.py", "w", force_zip64=True) as member:
        member.write(PRUNE)
    assert read_file(tmp_path, "a.zip", buffer.getvalue()).files["prune.py"] == PRUNE


def test_a_thousand_environments_cost_no_million_comparisons(tmp_path: Path) -> None:
    started = time.monotonic()
    read_file(tmp_path, "a.zip", zipped({"prune.py": PRUNE} | {f"{i}/pyvenv.cfg": b"" for i in range(5000)}))
    assert time.monotonic() - started < 3


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"prune.py": PRUNE}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    assert "encrypted" in refusal(tmp_path, "a.zip", bytes(data))


def test_an_unusual_packing_method_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("prune.py", PRUNE)
    assert "method 14" in refusal(tmp_path, "a.zip", buffer.getvalue())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    assert "two files of the name 'prune.py'" in refusal(tmp_path, "a.zip", zipped([("prune.py", PRUNE), ("prune.py", b"")]))


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    assert "'prune.py' is both a file and a folder" in refusal(tmp_path, "a.zip", zipped({"prune.py": PRUNE, "prune.py/x": b""}))


def test_members_that_overlap_are_refused(tmp_path: Path) -> None:
    data = zipped({"prune.py": PRUNE, "other.py": PRUNE * 2})
    directory = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", directory + 4)
    twisted = data[: second + 42] + struct.pack("<L", 0) + data[second + 46 :]
    assert "overlaps" in refusal(tmp_path, "a.zip", twisted)


@pytest.mark.parametrize("data", [b"PK\x03\x04 garbage", b"no zip at all", zipped({"prune.py": PRUNE * 50})[:-30], zipped({})])
def test_a_damaged_or_empty_zip_is_refused(tmp_path: Path, data: bytes) -> None:
    assert "zip" in refusal(tmp_path, "a.zip", data)


def test_a_rar_named_zip_is_called_by_its_name(tmp_path: Path) -> None:
    assert "is a RAR archive" in refusal(tmp_path, "a.zip", b"Rar!\x1a\x07\0")
    with pytest.raises(SubmissionError, match=r"'b.zip' is a RAR archive"):
        read_folder(tmp_path / "s", {"b.zip": b"Rar!\x1a\x07\0"})


def test_a_corrupt_member_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"prune.py": PRUNE * 50}))
    data[45] ^= 0xFF
    assert "zip" in refusal(tmp_path, "a.zip", bytes(data))


# --- notebooks -----------------------------------------------------------------------------------------------------


def test_code_cells_become_one_source_with_a_line_that_names_each(tmp_path: Path) -> None:
    book = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("import torch"),
            nbformat.v4.new_markdown_cell("def nothing"),
            nbformat.v4.new_code_cell("def prune(model):\n    return model"),
        ]
    )
    submission = read_file(tmp_path, "Untitled 1.ipynb", nbformat.writes(book).encode())
    assert submission.entry == "Untitled 1.py"
    assert submission.files[submission.entry].decode().splitlines() == [
        "# cell 1 of 'Untitled 1.ipynb'",
        "import torch",
        "# cell 2 of 'Untitled 1.ipynb'",
        "def prune(model):",
        "    return model",
    ]


def test_magics_and_shell_lines_are_dropped_and_noted(tmp_path: Path) -> None:
    source = cells("%matplotlib inline\n!pip install x\nx = 1", "y = 2", "x?\ndef prune(m): return m")
    submission = read_file(tmp_path, "n.ipynb", source)
    assert submission.notes == ("notebook: 3 magic or shell lines were dropped (code cells 1, 3)",)


@pytest.mark.parametrize(
    ("cell", "python"),
    [
        ("%matplotlib inline", "pass  # %matplotlib inline"),
        ("!pip install torch", "pass  # !pip install torch"),
        ("pip install torch", "pass  # pip install torch"),
        ("model?", "pass  # model?"),
        ("?model", "pass  # ?model"),
        ("torch.nn.Linear??", "pass  # torch.nn.Linear??"),
        ("x = !ls", "x = []  # x = !ls"),
        ("x = %time f()", "x = f()"),
        ("%time f()", "f()"),
        ("%timeit f()", "pass  # %timeit f()"),
        ("x = %timeit -o f()", "x = None  # x = %timeit -o f()"),
        ("if x:\n    !ls\n    y = 1", "if x:\n    pass  # !ls\n    y = 1"),
        ("!pip install \\\n  torch\nx = 1", "pass  # !pip install \\\n#   torch\nx = 1"),
        ("  x = 1\n  y = 2", "x = 1\ny = 2"),
        ("%%time\nx = 1", "# %%time\nx = 1"),
        ("\n%%capture out\n!ls\nx = 1", "\n# %%capture out\npass  # !ls\nx = 1"),
        ("%%bash\nrm -rf /\nx = 1", "# %%bash\n# rm -rf /\n# x = 1"),
    ],
)
def test_what_only_a_notebook_understands_becomes_python(cell: str, python: str) -> None:
    assert python_of(cell) == f"# cell 1\n{python}\n"


@pytest.mark.parametrize(
    "cell",
    [
        'print("%d"\n      % 3)',
        'text = """\n%matplotlib inline\n!ls\n"""',
        "x = 7 \\\n% 3",
        "d = {\n'a': 1, # it's (\n}\nx = 3",
        "s = 'a\\\n!b'",
        "x %= 3",
        "ok = 1 != 2",
        "x = [7\n% 4]",
        's = r"\\\\"\ny = 5 % 3',
        "s = f'{3:%}'  # it's\ny = 1",
        "pip = 1\npip += 1",
    ],
)
def test_python_that_only_looks_like_a_magic_survives(cell: str) -> None:
    assert python_of(cell) == f"# cell 1\n{cell}\n"
    ast.parse(cell)


def test_a_quote_in_a_shell_line_does_not_swallow_the_cell() -> None:
    assert python_of("!echo it's (\n%pwd\nx = 1") == "# cell 1\npass  # !echo it's (\npass  # %pwd\nx = 1\n"


def test_a_future_import_of_a_later_cell_moves_to_the_top() -> None:
    source = python_of("x = 1", "from __future__ import annotations\ny = 2")
    assert source.startswith("from __future__ import annotations  # cell 1\nx = 1\n# cell 2\npass")
    compile(source, "n", "exec")


def test_writefile_makes_a_file_of_the_submission(tmp_path: Path) -> None:
    book = cells(
        "%%writefile helper.py\nx = 1\n", "%%writefile -a helper.py\ny = 2", "%%writefile ../evil.py\nx", "def prune(m): pass"
    )
    submission = read_file(tmp_path, "n.ipynb", book)
    assert set(submission.files) == {"n.py", "helper.py"}
    assert submission.files["helper.py"] == b"x = 1\ny = 2\n"


def test_a_notebook_may_write_the_file_that_its_own_source_would_be(tmp_path: Path) -> None:
    submission = read_file(tmp_path, "prune.ipynb", cells("%%writefile prune.py\n" + PRUNE.decode(), "import prune"))
    assert (submission.entry, submission.files["prune.py"]) == ("prune.py", PRUNE)
    assert submission.notes == ("'prune.py' is graded, and the notebook 'prune.ipynb' beside it is not",)


def test_a_notebook_beside_its_own_export_is_not_the_entry(tmp_path: Path) -> None:
    submission = read_folder(tmp_path / "s", {"prune.py": PRUNE, "prune.ipynb": cells("x = 1")})
    assert (submission.entry, submission.files["prune.py"]) == ("prune.py", PRUNE)


def test_a_notebook_whose_script_defines_prune_too_is_taken_for_its_source(tmp_path: Path) -> None:
    submission = read_folder(tmp_path / "s", {"Abgabe.py": PRUNE, "Abgabe.ipynb": cells(PRUNE.decode())})
    assert submission.entry == "Abgabe.py"
    assert submission.notes == ("'Abgabe.py' is graded, and the notebook 'Abgabe.ipynb' beside it is not",)


def test_a_script_that_only_looks_like_a_converted_notebook_is_a_candidate_of_its_own(tmp_path: Path) -> None:
    files = {"a.py": PRUNE, "a_notebook.py": PRUNE, "a.ipynb": cells("x = 1")}
    with pytest.raises(SubmissionError, match=r"several that do: 'a\.py', 'a_notebook\.py'; rename"):
        read_folder(tmp_path / "s", files)


def test_candidates_are_named_as_they_were_handed_in(tmp_path: Path) -> None:
    files = {"a.py": PRUNE, "b.ipynb": cells(PRUNE.decode())}
    with pytest.raises(SubmissionError, match=r"'a\.py', 'b\.ipynb'; rename the one to grade to prune\.py \(or prune\.ipynb\)"):
        read_folder(tmp_path / "s", files)


def test_running_another_notebook_is_left_to_the_run() -> None:
    assert python_of("%run -i 'my helper.ipynb'") == "# cell 1\nget_ipython().run_line_magic('run', 'my helper.ipynb')\n"


def test_a_script_may_hold_the_magics_of_the_notebook_it_was_exported_from(tmp_path: Path) -> None:
    source = b"from __future__ import annotations\n!pip install x\n%matplotlib inline\nif True:\n    !ls\n" + PRUNE
    submission = read_file(tmp_path, "a.py", source)
    assert submission.files["a.py"].startswith(b"from __future__ import annotations\npass  # !pip install x\npass  # %")
    assert submission.notes == ("'a.py': 3 magic or shell lines were dropped, which only notebooks understand",)
    compile(submission.files["a.py"], "a.py", "exec")


def test_a_script_of_python_alone_is_left_as_it_is(tmp_path: Path) -> None:
    source = b'x = (7\n% 4)\ntext = """\n!ls\n%cd\n"""\n' + PRUNE
    assert read_file(tmp_path, "a.py", source).files["a.py"] == source


def test_an_old_notebook_is_upgraded(tmp_path: Path) -> None:
    book = nbformat.v3.new_notebook(
        worksheets=[nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell(input=PRUNE.decode())])]
    )
    assert PRUNE in read_file(tmp_path, "n.ipynb", nbformat.v3.writes_json(book).encode()).files["n.py"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"{", "damaged or cut off"),
        (b"<!DOCTYPE html><html>", "web page"),
        (PRUNE, "Python text, whose name should end in .py"),
        (b"nothing", "expected JSON"),
        (b"[]", "notebook"),
        (b'"text"', "notebook"),
        (b"{}", "n.ipynb"),
        (b'{"nbformat": 99, "cells": []}', "its format is 99, expected 4"),
        (b'{"nbformat": [[[4]]], "cells": []}', "does not describe one"),
        (b'{"nbformat": 4, "x": [' + b"[]," * 500_000 + b"1]}", "too many values; clear its outputs"),
        (b'{"nbformat": 4, "x": [' + b"1," * 2_000_001 + b"1]}", "too many values; clear its outputs"),
        (b'{"nbformat": 4, "cells": [' + b'{"cell_type":"code"},' * 5001 + b"1]}", "more than 5000 code cells"),
        (cells(*(f"%%writefile m{i}.py\nx = 1" for i in range(1001))), "write more than 1000 files"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', "no code cells"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": {"a": 1}}', "n.ipynb"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": 3, "cells": [{"cell_type": "code", "source": 7}]}', "n.ipynb"),
        (b'{"nbformat": 3, "worksheets": 7}', "n.ipynb"),
        (b"[" * 200_000, "notebook"),
        (b'{"nbformat": 4, "x": ' + b"[" * 200_000, "notebook"),
        (b'{"nbformat": ' + b"9" * 10_000 + b"}", "notebook"),
        (cells("x = 1").replace(b'"metadata": {}', b'"metadata": {"kernelspec": {"language": "R"}}'), "'R'"),
        (cells("x = 1").replace(b"x = 1", b"x = '\\ud800'"), "not text"),
        (cells("x = 1").replace(b"x = 1", b"x = '\\u0000'"), "not text"),
        (b"\xff\xfe{}", "UTF-8"),
    ],
)
def test_what_is_no_notebook_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    assert says in refusal(tmp_path, "n.ipynb", data)


# --- packages ------------------------------------------------------------------------------------------------------


def test_imported_packages_are_found_in_the_text(tmp_path: Path) -> None:
    source = b"""
import torch, numpy as np
import os.path; import scipy.optimize as so
from sklearn.linear_model import Ridge
from .helper import x
from assignment import *
def f():
    try: import matplotlib.pyplot
    except ImportError: pass
    m = __import__("tqdm")
# nothing to import here
"""
    found = intake.imported_packages(read_file(tmp_path, "a.py", source))
    assert {"torch", "numpy", "os", "scipy", "sklearn", "assignment", "matplotlib", "tqdm"} <= found
    assert not found & {"", "np"}
