"""An instructor's bad day: wrong words, full disks, closed pipes, impatience. One clear sentence each, and nothing lost."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import LONGEST, ROOT, Started, environment, grades_in, measurements, program, rubric_file, run_program

from grader.cli import kits
from grader.cli.program import main
from grader.cli.terminal import counted, significant
from grader.errors import GraderError, UsageError
from grader.export.replacing import replacing
from grader.ledger import Ledger
from grader.report.write import write_text

MAGNITUDE = ROOT / "submissions" / "magnitude.py"
SHOUTS = r"""
def prune(model):
    print("\x1b[2J[red]printed[/red] \u202e")
    raise ValueError("\x1b[31m[bold]caf\xe9[/bold] \u4f60 \u202e :bomb: \x07")
"""
HOSTILE_NAME = "[red]Zo\xeb \u4f60\x1b[31m\u202e\n.py"
UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def rubric(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rubric_file(tmp_path_factory.mktemp("rubric"))


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("handed-in")
    shutil.copy(MAGNITUDE, folder)
    (folder / HOSTILE_NAME).write_text(SHOUTS)
    return folder


@pytest.fixture(scope="module")
def graded(handed_in: Path, rubric: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """OUT of a batch of an honest submission and a hostile one, and what the program said."""
    out = tmp_path_factory.mktemp("graded") / "out"
    return out, run_program("batch", handed_in, "-o", out, "--rubric", rubric, home=home)


@pytest.fixture
def out(graded: tuple[Path, Done], tmp_path: Path) -> Path:
    """A copy of that OUT, in which a rerun has nothing to do."""
    return Path(shutil.copytree(graded[0], tmp_path / "out"))


def one_sentence(done: Done) -> str:
    """What a failed command says: one line on stderr, no traceback, no escape code."""
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("grade.py: ") and len(line) < 400
    assert not UNSHOWABLE.search(line)
    return line


# --- wrong words ------------------------------------------------------------------------------------------------------

# arguments, in which {x} stands for a folder that holds what is needed -> what the sentence must say
WRONG = {
    "batch {x}/missing": "missing: no such file or folder; expected a submission or a folder of submissions",
    "batch {x}/empty": "empty: expected submissions",
    "batch {x}/subs --rubric {x}/missing.yaml": "missing.yaml: no such file; name a rubric with --rubric FILE",
    "batch {x}/subs --rubric {x}/wrong.yaml": "wrong.yaml: limits.cpu_secs is not a key of the rubric; expected one of clock, ",
    "batch {x}/subs --frsh": "no such option: --frsh",
    "bacth {x}/subs": "bacth: expected a command (batch, check, ",
    "batch {x}/subs --only nobody": "--only nobody: no such student; there are magnitude",
    "batch {x}/subs --device gpu": "the device is 'gpu', expected auto, cpu, cuda or cuda:N",
    "batch {x}/reports -o {x}/reports": "reports: holds the reports of a batch, expected submissions; name the folder of ",
    "batch {x}/subs --workers 0": "--workers 0: expected a whole number from 1 to 512; see 'grade.py batch --help'",
    "batch {x}/subs --workers two": "--workers two: expected a whole number from 1 to 512",
    "kit gradescope -o {x}/kit.zip --memory-mb 5": "--memory-mb 5: expected a whole number from 768 to 1048576",
    "check {x}/subs --min-points lots": "--min-points lots: expected a number; see 'grade.py check --help'",
    "check {x}/subs --isolation some": "--isolation some: expected strict, best or none",
    "batch {x}/subs --only": "option '--only' requires an argument; see 'grade.py batch --help'",
    "batch {x}/subs -o {x}/file": "file: is a file, expected a folder for results; name another folder with --out",
    "batch {x}/subs -o {x}/subs": "subs: holds submissions, and reports would become some; name another folder with --out",
    "batch {x}/subs -o {x}/subs/magnitude.py/out": "out: lies in the submission 'magnitude'; name another folder with --out",
    "batch ''": "an empty path; expected the name of a file or folder (is a variable empty?)",
    "batch {x}/subs -o ''": "an empty path",
    "check ''": "an empty path",
    "remark ''": "an empty path",
    "check": "missing argument 'path'; see 'grade.py check --help'",
    "check {x}/two": "two: holds 2 submissions, expected one; use 'grade.py batch ",
    "check {x}/subs/magnitude.py --html {x}/empty": "empty: is a folder, expected a file to write; name another with --html",
    "check {x}/subs/magnitude.py -o {x}/subs/magnitude.py": "magnitude.py: is what was handed in, expected a file to write",
    "check {x}/subs --one --html {x}/subs/magnitude.py": "magnitude.py: is what was handed in, expected a file to write",
    "check {x}/subs/magnitude.py --junit /dev/null": "/dev/null: is a device or leads nowhere, expected a file to write; name",
    "check {x}/subs/magnitude.py -o {x}/file/x.txt": "file/x.txt: can't be written: a file is in the way; name another",
    "check {x}/subs/magnitude.py --min-points 2": "--min-points 2: expected at most 1.5, which is all that the rubric gives",
    "check {x}/subs/magnitude.py --min-points nan": "--min-points nan: expected a finite number",
}


@pytest.fixture(scope="module")
def wrong(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Done]:
    """All wrong commands, as many at a time as there are cores."""
    folder = tmp_path_factory.mktemp("wrong")
    for name in ("empty", "subs", "two"):
        (folder / name).mkdir()
    shutil.copy(MAGNITUDE, folder / "subs")
    (folder / "two" / "a.py").write_text(SHOUTS)
    (folder / "two" / "b.py").write_text(SHOUTS)
    (folder / "file").touch()
    (folder / "reports").mkdir()
    (folder / "reports" / "ledger.sqlite").touch()
    (folder / "wrong.yaml").write_text("limits: {cpu_secs: 3}\n")

    def run(words: str) -> Done:
        return run_program(*(word.format(x=folder) for word in shlex.split(words)), home=home)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(WRONG, pool.map(run, WRONG), strict=True))


@pytest.mark.parametrize("words", WRONG)
def test_wrong_usage_is_refused_in_one_sentence(words: str, wrong: Mapping[str, Done]) -> None:
    assert WRONG[words] in one_sentence(wrong[words])
    assert wrong[words].returncode == 2


@pytest.mark.skipif(os.getuid() == 0, reason="root may read and write everything; CI runs this as an ordinary user too")
def test_what_may_not_be_read_or_written_is_refused_in_one_sentence(home: Path, tmp_path: Path) -> None:
    rubric = rubric_file(tmp_path)
    (tmp_path / "closed").mkdir(mode=0o500)
    done = run_program("batch", MAGNITUDE, "-o", tmp_path / "closed" / "out", "--rubric", rubric, home=home)
    assert (done.returncode, "permission denied; name another folder" in one_sentence(done)) == (2, True)
    (tmp_path / "sealed").mkdir(mode=0)
    done = run_program("batch", MAGNITUDE, "-o", tmp_path / "sealed" / "out", "--rubric", rubric, home=home)
    assert (done.returncode, re.search(r"sealed/out.* can't be .*: permission denied; ", one_sentence(done)) is None) == (
        2,
        False,
    )
    done = run_program("check", MAGNITUDE, "--html", tmp_path / "closed" / "me.html", "--rubric", rubric, home=home)
    assert (done.returncode, "permission denied; name another file with --html" in one_sentence(done)) == (2, True)
    done = run_program("init", "--rubric", rubric, home=tmp_path / "closed" / "home")
    assert (done.returncode, "private folder: permission denied; give yourself access" in one_sentence(done)) == (2, True)
    rubric.chmod(0)
    done = run_program("check", MAGNITUDE, "--rubric", rubric, home=home)
    assert done.returncode == 2
    assert re.search(r"rubric\.yaml.* (can't be read|is not readable)", one_sentence(done))


def test_a_home_that_can_not_be_made_stops_init_and_not_check(rubric: Path) -> None:
    home = Path("/proc/nowhere/home")
    done = run_program("init", "--rubric", rubric, home=home)
    assert (done.returncode, "/proc/nowhere/home: can't be used as" in one_sentence(done)) == (2, True)
    done = run_program("check", MAGNITUDE, "--rubric", rubric, home=home)
    assert done.returncode == 0, done.stderr


# --- what is printed --------------------------------------------------------------------------------------------------


def test_a_batch_with_a_failing_submission_is_done(graded: tuple[Path, Done]) -> None:
    out, done = graded
    assert done.returncode == 0, done.stderr
    assert {report["verdict"] for report in grades_in(out)["submissions"]} == {"graded", "raised"}


def test_hostile_names_and_messages_are_shown_escaped(graded: tuple[Path, Done]) -> None:
    _, done = graded
    assert not UNSHOWABLE.search(done.stdout + done.stderr)
    assert r"[bold]café[/bold] 你 \u202e :bomb: \x07" in done.stdout
    assert len(done.stdout.splitlines()) == 5  # head, two students, reference, where the report is


def test_json_alone_is_on_stdout_and_is_what_stands_in_the_file(
    out: Path, handed_in: Path, rubric: Path, home: Path, graded: tuple[Path, Done]
) -> None:
    done = run_program("batch", handed_in, "-o", out, "--rubric", rubric, "--json", home=home)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (out / "grades.json").read_text()
    assert json.loads(done.stdout) == grades_in(graded[0])
    assert "magnitude: graded" in done.stderr


def test_reports_among_the_submissions_are_said_to_be_left_out(
    graded: tuple[Path, Done], handed_in: Path, rubric: Path, home: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(handed_in, tmp_path / "subs")
    out = shutil.copytree(graded[0], folder / "reports")
    done = run_program("batch", folder, "-o", out, "--rubric", rubric, home=home)
    assert done.returncode == 0 and "subs: left out, as no submission: reports/ (reports)" in done.stderr
    assert len(grades_in(out)["submissions"]) == 2


def test_what_is_missing_beside_a_check_is_said_and_stops_nothing(home: Path, tmp_path: Path) -> None:
    rubric = rubric_file(tmp_path, allow={"packages": ["torch", "numpy", "nosuchpkg"]})
    done = run_program("check", MAGNITUDE, "--rubric", rubric, "--metadata", tmp_path / "nosuch.json", home=home)
    assert done.returncode == 0 and done.stdout.startswith("graded: ")
    assert "nosuch.json: can't be read (No such file or directory); names and time stay unknown" in done.stderr
    assert "not installed here, though allow.packages lists them: nosuchpkg; no import of them works" in done.stderr


POOR = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("locale", [POOR, pytest.param({"LC_ALL": "C"}, marks=LONGEST)], ids=["poor", "C"])
def test_a_poor_locale_changes_no_json_and_stops_nothing(
    locale: dict[str, str], out: Path, handed_in: Path, rubric: Path, home: Path
) -> None:
    arguments = ("batch", handed_in, "-o", out, "--rubric", rubric, "-q")
    shown = run_program(*arguments, home=home, env={**locale, "PYTHONIOENCODING": "ascii" if locale is POOR else ""})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "magnitude" in shown.stdout
    as_json = run_program(*arguments, "--json", home=home, env=locale)
    assert "café" in as_json.stdout
    assert json.loads(as_json.stdout)["submissions"]


def test_check_prints_a_report_as_json_and_says_by_its_status_what_it_is_worth(home: Path, tmp_path: Path) -> None:
    rubric = rubric_file(tmp_path)
    done = run_program("check", MAGNITUDE, "--rubric", rubric, "--json", "-q", "--min-points", 1.4, home=home, cwd=tmp_path)
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr, report["verdict"], report["student"]) == (1, "", "graded", "magnitude")
    (tmp_path / "shouts.py").write_text(SHOUTS)
    shouts = run_program("check", "shouts.py", "--rubric", rubric, home=home, cwd=tmp_path)
    assert shouts.returncode == 1
    assert r"\x1b[2J[red]printed[/red] \u202e" in shouts.stdout
    assert not UNSHOWABLE.search(shouts.stdout + shouts.stderr)


@pytest.mark.parametrize("no_color", ["1", pytest.param("", marks=LONGEST)])
def test_colours_are_for_terminals_and_not_for_those_who_want_none(
    no_color: str, out: Path, handed_in: Path, rubric: Path, home: Path
) -> None:
    keeper, terminal = pty.openpty()
    arguments = program("batch", handed_in, "-o", out, "--rubric", rubric)
    env = environment(home, TERM="xterm-256color", NO_COLOR=no_color)
    with subprocess.Popen(
        arguments, env=env, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    ) as running:
        os.close(terminal)
        shown = b""
        try:
            while data := os.read(keeper, 1 << 16):
                shown += data
        except OSError:  # so ends a terminal whose last program has left
            pass
    os.close(keeper)
    assert running.returncode == 0
    assert b"magnitude" in shown
    assert bool(re.search(rb"\x1b\[[0-9;]*3[0-7]", shown)) != bool(no_color)


# --- where it is printed ----------------------------------------------------------------------------------------------

# a shell's words in which $G grades with nothing left to run -> exit status, stdout of the shell, words of its stderr
STREAMS = {
    "$G | head -1; exit ${PIPESTATUS[0]}": (0, r"student .*reason\n", ""),
    "$G --fresh 2>&1 | head -1; exit ${PIPESTATUS[0]}": (0, r"\S+: \w+\n", ""),
    "$G > /dev/full": (3, "", "standard output can't be written: no space left on device"),
    "$G 2> /dev/full": (0, r"student .*index\.html\n", ""),
    "$G >&-": (0, "", ""),
    "$G <&- 2>&-": (0, r"student .*index\.html\n", ""),
    "$G <&- >&- 2>&-": (0, "", ""),
}


SELDOM = ("$G 2> /dev/full", "$G >&-", "$G <&- 2>&-")


@pytest.mark.parametrize("words", [pytest.param(w, marks=LONGEST) if w in SELDOM else w for w in STREAMS])
def test_closed_and_full_streams_change_nothing_else(words: str, out: Path, handed_in: Path, rubric: Path, home: Path) -> None:
    status, stdout, stderr = STREAMS[words]
    quiet = "" if "2>&1" in words else "-q"
    command = shlex.join([*program("batch", handed_in, "-o", out, "--rubric", rubric), quiet]).replace("''", "")
    done = subprocess.run(
        ["bash", "-c", words.replace("$G", command)], env=environment(home), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == status, done.stderr
    assert re.fullmatch(stdout, done.stdout, re.DOTALL)
    assert stderr in done.stderr and (done.stderr.count("\n") == bool(stderr))


# --- signals ----------------------------------------------------------------------------------------------------------


def test_a_stopped_batch_says_how_to_go_on_and_leaves_nothing_behind(out: Path, rubric: Path, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "handed-in"
    folder.mkdir()
    (folder / "first.py").write_text(SHOUTS)
    (folder / "second.py").write_text("def prune(model):\n    while True:\n        pass\n")
    arguments = ("batch", folder, "-o", out, "--rubric", rubric, "--workers", 1)
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with Started(tmp_path / number.name, *arguments, home=home) as batch:
            batch.wait_for("first: raised")
            batch.send(number)
            assert batch.finish(20) == status
            assert f"what was graded so far is safe in {out}\n" in batch.messages
            assert batch.messages.endswith("grade.py: stopped; run the same command again to go on\n")
            assert batch.survivors() == []
            assert list(batch.scratch.iterdir()) == []
    (folder / "second.py").write_text(SHOUTS + "\n")
    done = run_program(*arguments, home=home)
    assert done.returncode == 0, done.stderr


def test_a_stopped_init_goes_on_where_it_was(tmp_path: Path) -> None:
    rubric = rubric_file(tmp_path, instances={"hidden": 1})
    with Started(tmp_path / "run", "init", "--rubric", rubric, home=tmp_path / "home") as init:
        init.wait_for("building hidden-1")
        init.send(signal.SIGINT)
        assert init.finish(20) == 130
        assert init.messages.endswith("grade.py: stopped; run the same command again to go on\n")
    secret = (tmp_path / "home" / "secret").read_text()
    done = run_program("init", "--rubric", rubric, home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "building public" not in done.stderr  # it is there already
    assert (tmp_path / "home" / "secret").read_text() == secret
    assert not list(tmp_path.glob("home/**/.*"))


@pytest.mark.parametrize("seconds", [0.3, 0.8])
def test_ctrl_c_while_libraries_load_shows_no_traceback(seconds: float) -> None:
    running = subprocess.Popen(program("--version"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGINT)
    _, messages = running.communicate(timeout=20)
    assert "Traceback" not in messages
    # The last is Python's own end by the signal, before it has begun to listen to it and once it has ceased to.
    assert running.returncode in (0, 130, -signal.SIGINT)


# --- one folder, one grader; one disk, too small ----------------------------------------------------------------------


def test_a_second_grader_on_the_same_folder_is_turned_away(out: Path, handed_in: Path, rubric: Path, home: Path) -> None:
    with Ledger(out):
        second = run_program("batch", handed_in, "-o", out, "--rubric", rubric, home=home)
    assert second.returncode == 2
    assert "another grader is at work on this folder; wait for it, or name another with --out" in one_sentence(second)


def test_a_damaged_ledger_is_named(out: Path, handed_in: Path, rubric: Path, home: Path) -> None:
    (out / "ledger.sqlite").write_bytes(os.urandom(100_000))
    done = run_program("batch", handed_in, "-o", out, "--rubric", rubric, home=home)
    assert done.returncode == 3
    assert "ledger.sqlite: file is not a database; it is damaged: put a copy of it back, or move it" in one_sentence(done)


def with_little_room(folder: Path, kibibytes: int, then: str) -> list[str]:
    """A command that runs the command after it with a small disk mounted at ``folder``, then ``then``."""
    mount = f"mount -t tmpfs -o size={kibibytes}k none {shlex.quote(str(folder))} || exit 99"
    return ["unshare", "--mount", "bash", "-c", f'{mount}; "$@"; status=$?; {then}; exit $status', "bash"]


needs_mounts = pytest.mark.skipif(
    subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0,
    reason="a small disk needs the right to mount; CI runs this as root too",
)


@needs_mounts
def test_a_full_disk_keeps_what_was_graded_and_the_next_run_goes_on(
    graded: tuple[Path, Done], handed_in: Path, rubric: Path, home: Path, tmp_path: Path
) -> None:
    out, saved = tmp_path / "disk" / "out", tmp_path / "saved"
    out.parent.mkdir()
    arguments = ("batch", handed_in, "-o", out, "--rubric", rubric)
    full = run_program(*arguments, "-q", home=home, before=with_little_room(out.parent, 128, f"cp -r {out} {saved}"))
    assert full.returncode == 3
    assert re.search(
        "no space left on device; nothing graded is lost|disk is full; what it already holds is safe", one_sentence(full)
    )
    again = run_program("batch", handed_in, "-o", saved, "--rubric", rubric, home=home)
    assert again.returncode == 0, again.stderr
    assert measurements(grades_in(saved)) == measurements(grades_in(graded[0]))


@needs_mounts
def test_a_home_on_a_full_disk_is_named_and_can_be_used_once_there_is_room(rubric: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    init = shlex.join(program("init", "--rubric", rubric))
    then = f"mount -o remount,size=64m {disk}; {init} -q >&2 || status=99"
    fill = ["bash", "-c", f'dd if=/dev/zero of={disk}/full bs=4k count=1 2>/dev/null; "$@"', "bash"]
    for kibibytes, words in ((4, "secret: can't be created: "), (1024, "safetensors: can't be written: ")):
        before = [*with_little_room(disk, kibibytes, then), *fill]
        done = run_program("init", "--rubric", rubric, "-q", home=disk / "home", before=before)
        first = done.stderr.splitlines()[0]
        assert words in first and first.endswith("no space left on device; make room and run the same command again")
        assert done.returncode == 3


def test_a_limit_on_file_sizes_is_a_full_disk(handed_in: Path, rubric: Path, home: Path, tmp_path: Path) -> None:
    before = ["bash", "-c", 'ulimit -f 16; exec "$@"', "bash"]
    done = run_program("batch", handed_in, "-o", tmp_path / "out", "--rubric", rubric, "-q", home=home, before=before)
    assert done.returncode == 3
    assert "ledger.sqlite: " in one_sentence(done) and "what it already holds is safe" in done.stderr


@pytest.mark.parametrize("words", ["--help | head -1", "--version | true", "batch -h | head -1", "--version >&-"])
def test_help_that_nobody_reads_to_its_end_is_done(words: str) -> None:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{shlex.join(program())} {words}"],
        env=environment(None),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_that_can_not_be_written_is_told_as_standard_output() -> None:
    done = run_program("--help", before=["bash", "-c", '"$@" >/dev/full', "bash"])
    assert (done.returncode, "standard output can't be written: no space left" in one_sentence(done)) == (3, True)


@pytest.mark.parametrize(("number", "status"), [(errno.EACCES, 2), (errno.ENOSPC, 3)])
def test_another_files_failure_is_never_told_as_standard_outputs(
    number: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise OSError(number, os.strerror(number), "/some/file")

    monkeypatch.setattr("grader.cli.grading.must_confine", refuse)
    monkeypatch.setattr("grader.signals.STOPPING", ())
    monkeypatch.setattr("sys.argv", ["grade.py", "batch"])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == status and said.count("\n") == 1
    assert f"/some/file: can't be read or written: {os.strerror(number).lower()}; " in said


def test_a_pipe_that_breaks_within_the_grader_is_the_graders_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("grader.cli.grading.must_confine", broken)
    monkeypatch.setattr("grader.signals.STOPPING", ())
    monkeypatch.setattr("sys.argv", ["grade.py", "batch"])
    with pytest.raises(SystemExit, match="3"):
        main()


def test_one_is_no_plural_and_figures_keep_their_zeros() -> None:
    assert [counted(number, "instance") for number in (0, 1, 2_000)] == ["0 instances", "1 instance", "2,000 instances"]
    assert [significant(value) for value in (92.9, 2.319, 20.0, 1234.5, 0.0)] == ["92.90", "2.319", "20.00", "1234", "0.000"]


def exported(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"x")


@pytest.mark.parametrize("write", [lambda path: kits._write(path, b"x"), lambda path: write_text(path, "x"), exported])
def test_a_place_that_is_wrong_is_the_users_and_a_full_disk_is_not(
    write: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, kind, remedy in (
        (errno.EROFS, UsageError, "name another|make it writable"),
        (errno.ENOSPC, GraderError, "make room"),
    ):

        def refuse(*_: object, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "replace", refuse)
        with pytest.raises(kind, match=f"out: can't be written: {os.strerror(number).lower()}; .*({remedy})"):
            write(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@needs_mounts
def test_a_check_whose_page_the_disk_does_not_take_has_told_its_verdict(rubric: Path, home: Path, tmp_path: Path) -> None:
    before = with_little_room(tmp_path, 16, "true")
    done = run_program("check", MAGNITUDE, "--rubric", rubric, "--html", tmp_path / "page.html", home=home, before=before)
    assert (done.returncode, done.stdout.startswith("graded: 0.8")) == (3, True)
    assert done.stderr.endswith("the verdict is printed: make room and check again for the file\n")


def test_version_and_help_are_done() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run_program("--version").stdout)
    done = run_program("batch", "--help")
    assert (done.returncode, done.stderr) == (0, "")
