"""Practice without a sandbox: the same verdicts from one fresh process per run, on systems that have neither fork nor limits.

``PRUNEGRADE_PORTABLE=1`` takes this way on Linux; ``windows.py`` takes away what Windows lacks.
"""

from __future__ import annotations

import glob
import json
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import corpus
import pytest
from conftest import LONGEST, environment, program, rubric_file, run_program

from grader import evidence, fresh, intake, ladder, opening, pipeline, portable, rubric, task
from grader.cli import watching
from grader.errors import GraderError, UsageError
from grader.evidence import Evidence
from grader.pipeline import Bench
from grader.records import Outcome, Upload
from grader.rubric import LimitsSection

ROOT = Path(__file__).parent.parent
PRACTICE = {portable.SWITCH: "1"}
MIB = 1 << 20
RULES = rubric.load(ROOT / "rubric.yaml")
RULES = RULES.model_copy(
    update={"limits": LimitsSection(cpu_seconds=2, wall_seconds=12, memory_bytes=1024 * MIB, file_bytes=32 * MIB, log_bytes=4096)}
)
QUICK = ("returns_state_dict", "raises", "needs_an_extra_parameter", "os_exit", "segfault", "wrong_shape", "starts_a_program")
SLOW = (
    "raises_at_import", "undefined_numpy", "takes_no_model", "no_prune", "prune_misspelt", "sys_exit", "aborts", "kills_itself",
    "loops_in_prune", "loops_at_import", "loops_in_c", "sleeps", "limit_ignores_the_cpu_signal", "limit_time_in_children",
    "hoards_memory", "limit_memory", "nan", "infinite", "half", "bfloat16", "masks_left_in", "quantized", "no_bias",
    "notebook", "notebook_with_broken_cell", "notebook_from_colab", "zipped_folder", "zip_in_a_zip", "helper_import_relative",
    "syntax_error", "two_candidates", "data_loader_over_dataset", "loader_with_workers", "imports_sklearn", "fills_the_disk",
    "floods_the_log", "downloads", "installs_a_package", "missing_package", "channel_claims_to_be_graded", "channel_huge_record",
    "channel_half_of_the_weights_and_sleep", "channel_closes_everything", "survive_daemon", "breaks_stdout", "writes_files",
    "reads_beside_its_file", "recursion_without_limit", "exit_teardown", "plots", "shares_memory", "spawns_processes",
)  # fmt: skip

OTHER_WORDS = ("sleeps", "fills_the_disk")  # with a figure that is never the same, or another errno


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bench, Bench]]:
    """The sandbox of this machine, and practice."""
    home = tmp_path_factory.mktemp("home")
    instance = task.public(RULES, home, home)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        benches = []
        for switch in ("0", "1"):
            patch.setenv(portable.SWITCH, switch)
            opened = opening.open_bench(RULES, [instance], isolation="best", device="cpu", forbidden=())
            benches.append(stack.enter_context(opened))
        yield benches[0], benches[1]


def outcomes(benches: tuple[Bench, Bench], path: Path) -> tuple[Outcome, Outcome]:
    confined, alone = (pipeline.grade(Upload("one", path.name, str(path), path), bench).outcomes[0] for bench in benches)
    return confined, alone


def told(outcome: Outcome, *, words: bool) -> tuple[Any, ...]:
    """All that must be the same either way."""
    failure, measurement = outcome.failure, outcome.measurement
    said = (failure.message, failure.line, failure.exception) if failure and words else ()
    return outcome.verdict, failure and failure.stage, said, measurement and measurement.weights_sha256, measurement


def slow_ones() -> list[Any]:
    """Every sixth for CI too."""
    marks = [LONGEST if place % 6 else (pytest.mark.long,) for place in range(len(SLOW))]
    return [pytest.param(name, marks=several) for name, several in zip(SLOW, marks, strict=True)]


@pytest.mark.parametrize("name", [*QUICK, *slow_ones()])
def test_a_submission_is_told_the_same_with_and_without_a_sandbox(name: str, benches: tuple[Bench, Bench]) -> None:
    (case,) = (case for case in corpus.CASES if case.name == name)
    confined, alone = outcomes(benches, case.submission)
    words = name not in OTHER_WORDS
    assert told(confined, words=words) == told(alone, words=words)


def test_practice_is_graded_from_the_hidden_data_of_nobody(benches: tuple[Bench, Bench], tmp_path: Path) -> None:
    problem = task.load(RULES.model_copy(update={"instances": rubric.InstancesSection(hidden=0)}), tmp_path, tmp_path / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(portable.SWITCH, "1")
        for isolation in ("strict", "best", "none"):
            benches = opening.open_bench(RULES, problem.instances, isolation=isolation, device="cpu", forbidden=())
            with pytest.raises(UsageError, match="hidden data need that"), benches:
                pass


def test_practice_says_so_and_claims_no_more_than_limits(benches: tuple[Bench, Bench]) -> None:
    isolation = benches[1].sandbox.isolation
    assert (isolation.level, isolation.layers) == ("L1", ("environment", "limits"))
    assert not isolation.guards_hidden_data
    graded = pipeline.grade(ladder.reference_upload(), benches[1])
    assert graded.notes == (isolation.practice,) and "practice" in isolation.practice


def run_of(source: str, benches: tuple[Bench, Bench], tmp_path: Path) -> Outcome:
    path = tmp_path / "prune.py"
    path.write_text(source)
    return pipeline.grade(Upload("one", path.name, str(path), path), benches[1]).outcomes[0]


def test_a_run_gets_nothing_of_the_callers_environment(benches: tuple[Bench, Bench], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNEGRADE_TEST_TOKEN", "secret-of-the-caller")
        source = "import os\ndef prune(model): print(sorted(os.environ), os.getcwd(), os.environ['HOME'])"
        run_of(source, benches, tmp_path)  # takes the process that was started before the variable was set
        outcome = run_of(source, benches, tmp_path)
    assert outcome.verdict == "graded" and "PRUNEGRADE_TEST_TOKEN" not in outcome.log and "HOME" in outcome.log
    assert "prunegrade-run-" in outcome.log and str(Path.cwd()) not in outcome.log


def has_ended(pid: int, seconds: float = 10) -> bool:
    """Gone, or waiting for a parent that never buries it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_a_run_leaves_neither_files_nor_processes(benches: tuple[Bench, Bench], tmp_path: Path) -> None:
    left = tmp_path / "pid"
    source = f"""
        import os, time
        def prune(model):
            open("large", "w").write("x" * 1000)
            if os.fork() == 0:
                open({str(left)!r}, "w").write(str(os.getpid()))
                time.sleep(3600)
            while not os.path.exists({str(left)!r}) or not open({str(left)!r}).read(): time.sleep(0.01)
    """
    before = set(glob.glob(f"{tempfile.gettempdir()}/prunegrade-run-*"))
    assert run_of(textwrap.dedent(source), benches, tmp_path).verdict == "graded"
    assert set(glob.glob(f"{tempfile.gettempdir()}/prunegrade-run-*")) <= before
    assert has_ended(int(left.read_text()))


def test_another_run_gets_data_that_the_first_could_not_change(benches: tuple[Bench, Bench], tmp_path: Path) -> None:
    zeroes = "x = train_loader().dataset.tensors[0]; print(float(x.sum())); x.zero_()"
    changes = f"from assignment import *\ndef prune(model): {zeroes}"
    first, second = (run_of(changes, benches, tmp_path) for _ in range(2))
    assert first.log == second.log and first.verdict == "graded"


def test_closing_ends_a_run(benches: tuple[Bench, Bench], tmp_path: Path) -> None:
    data = benches[1].stations["public"].data
    (tmp_path / "prune.py").write_text("import time\ntime.sleep(3600)")
    submission = intake.read(Upload("one", "prune.py", "prune.py", tmp_path / "prune.py"))
    with portable.Portable(RULES) as opened, ThreadPoolExecutor(1) as pool:
        run = pool.submit(opened.run, submission, data)
        time.sleep(1)
        opened.close()
        with pytest.raises(GraderError, match="given up"):
            run.result()


# --- on systems that lack more ----------------------------------------------------------------------------------------

WINDOWS = Path(__file__).parent / "windows.py"
START = f"exec(open({str(WINDOWS)!r}).read())"


@pytest.fixture
def as_on_windows(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The program in an interpreter without what Windows lacks, which starts runs in others of its kind."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$1" "$2" "$3" -c "{START}\n$5"\n')
    python.chmod(0o700)
    code = (
        f"{START}; sys.path.insert(0, {str(ROOT)!r}); sys.executable = {str(python)!r}; import grader.cli.program as p; p.main()"
    )

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(
            command, env=environment(tmp_path / "home", **PRACTICE), capture_output=True, text=True, timeout=300
        )

    return run


def test_check_comes_to_its_verdict_without_anything_of_posix(as_on_windows: Any, tmp_path: Path) -> None:
    done = as_on_windows("check", ROOT / "submissions" / "magnitude.py", "--rubric", rubric_file(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"] == "graded" and report["points"] > 0.8
    assert "only the clock is a limit, and memory is not" in report["notes"][0]


@pytest.mark.long
@pytest.mark.parametrize(("name", "verdict"), [
    ("raises", "raised"), ("segfault", "crashed"), ("sleeps", "timed_out"), ("reads_beside_its_file", "graded"),
    pytest.param("os_exit", "exited", marks=LONGEST), pytest.param("nan", "rejected", marks=LONGEST),
    pytest.param("loops_in_prune", "timed_out", marks=LONGEST), pytest.param("project_folder", "graded", marks=LONGEST),
    pytest.param("notebook", "graded", marks=LONGEST),
])  # fmt: skip
def test_verdicts_without_anything_of_posix(name: str, verdict: str, as_on_windows: Any, tmp_path: Path) -> None:
    rules = rubric_file(tmp_path, limits={"wall_seconds": 8, "cpu_seconds": 2})
    (case,) = (case for case in corpus.CASES if case.name == name)
    done = as_on_windows("check", case.submission, "--rubric", rules, "--json")
    assert json.loads(done.stdout)["verdict"] == verdict, done.stderr


@pytest.mark.parametrize("arguments", ["check --help", "batch --help", "export --help", "--version"])
def test_every_command_can_be_asked_for_help_without_anything_of_posix(arguments: str, as_on_windows: Any) -> None:
    done = as_on_windows(*arguments.split())
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["batch submissions", "batch submissions --isolation best", "calibrate", "doctor"])
def test_what_needs_hidden_data_is_refused_in_one_sentence(command: str, tmp_path: Path) -> None:
    done = run_program(*command.split(), home=tmp_path / "home", env=PRACTICE)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "hidden data need that" in done.stderr and not (tmp_path / "home").exists()


def test_help_says_how_to_try_it() -> None:
    assert portable.SWITCH in " ".join(run_program("check", "--help").stdout.split())


# --- watching ---------------------------------------------------------------------------------------------------------


class Watched:
    """``check --watch`` while it runs."""

    def __init__(self, path: Path, home: Path, *arguments: str, **env: str) -> None:
        command = program("check", path, "--watch", "--rubric", rubric_file(home), *arguments)
        self.process = subprocess.Popen(
            command, env=environment(home, **env), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def next(self) -> str:
        """What is printed until the next change is waited for."""
        assert self.process.stdout
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line)
            if "waiting for a change" in line:
                break
        return "".join(lines)

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        return self.process.returncode

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


GOOD = (ROOT / "submissions" / "magnitude.py").read_text()


@pytest.mark.parametrize("env", [{}, PRACTICE], ids=["sandbox", "practice"])
def test_a_watch_checks_again_what_has_changed(env: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "prune.py"
    path.write_text(GOOD)
    with Watched(path, tmp_path, **env) as watched:
        assert "graded: 0.8" in watched.next()
        path.with_suffix(".new").write_text("def prune(model): raise ValueError('not yet')")
        path.unlink()
        time.sleep(0.5)  # it is not there for a while
        path.with_suffix(".new").rename(path)
        assert "raised: 0.000 of 1.5 points" in (said := watched.next()) and "not yet" in said and "no such file" not in said
        path.write_text(GOOD)
        assert "graded: 0.8" in watched.next()
        assert watched.end() == 0


def test_a_watch_ends_with_the_last_checks_status(tmp_path: Path) -> None:
    (tmp_path / "prune.py").write_text("prune = 1")
    with Watched(tmp_path / "prune.py", tmp_path, "--json") as watched:
        report = watched.next()
        assert '"verdict": "no_entry"' in report and "\x1b" not in report
        assert watched.end() == 1


def test_a_folder_is_watched_without_what_is_nobodys_work(tmp_path: Path) -> None:
    (tmp_path / "prune.py").write_text(GOOD)
    before = watching.state(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "prune.pyc").write_text("")
    (tmp_path / ".prune.py.swp").write_text("")
    assert watching.state(tmp_path) == before != ()
    (tmp_path / "helper.py").write_text("")
    assert watching.state(tmp_path) != before
    assert watching.state(tmp_path / "gone.py") == ()


def test_a_file_that_grows_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "prune.py"
    path.write_text("")
    seen = watching.state(path)

    def write() -> None:
        with open(path, "w") as file:
            for _ in range(12):
                file.write("# one line more\n")
                file.flush()
                time.sleep(0.05)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        found = watching.changed(path, seen)
        assert writing.done() and found == watching.state(path)


@pytest.mark.parametrize(("returncode", "verdict", "words"), [
    (0, "exited", "status 0"), (3, "exited", "status 3"), (0xC0000005, "crashed", "SIGSEGV"),
    (0xC00000FD, "crashed", "recursion"), (0xC0000409, "crashed", "SIGABRT"),
])  # fmt: skip
def test_how_windows_ends_a_process_is_told_in_the_same_words(returncode: int, verdict: str, words: str) -> None:
    found = Evidence(None, "prune", overdue=False, killed=None, wait_status=fresh._as_status(returncode), cpu_seconds=0.0)
    failure = evidence.failure(found, RULES.limits, "lost")
    assert failure.verdict == verdict and words in failure.message
