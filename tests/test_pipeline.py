"""Whatever befalls the grader, its measurements are the same, nothing is lost and nobody pays for it."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import sqlite3
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Started, grades_in, measurements, rubric_file, run_program

# Some work, from random numbers that the grader must seed, which then keeps every fourth weight.
WORK = """
import time
import torch

torch.manual_seed(torch.initial_seed() + {number})

def prune(model):
    start = time.process_time()
    while time.process_time() < start + 0.3:
        pass
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= torch.rand_like(parameter) < 0.25
    return model
"""
RAISES = "def prune(model):\n    raise ValueError('not today')\n"
HALVES = """
import torch

def prune(model):
    threshold = torch.cat([p.detach().abs().flatten() for p in model.parameters()]).median()
    with torch.no_grad():
        for p in model.parameters():
            p[p.abs() < threshold] = 0
"""
LEAVES = "import os\n\ndef prune(model):\n    os._exit(0)\n"


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("handed-in")
    for number in range(3):
        (folder / f"work{number}.py").write_text(WORK.format(number=number))
    (folder / "halves.py").write_text(HALVES)
    (folder / "raises.py").write_text(RAISES)
    (folder / "leaves.py").write_text(LEAVES)
    return folder


@pytest.fixture(scope="module")
def rubric(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rubric_file(tmp_path_factory.mktemp("rubric"), instances={"hidden": 1})


@pytest.fixture(scope="module")
def undisturbed(handed_in: Path, rubric: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of a batch that nothing befell."""
    out = tmp_path_factory.mktemp("undisturbed")
    done = run_program("batch", handed_in, "-o", out, "--rubric", rubric, "--workers", 2, home=home)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def out(undisturbed: Path, tmp_path: Path) -> Path:
    """An OUT in which the reference alone has been graded, to spare its time."""
    folder = tmp_path / "out"
    folder.mkdir()
    shutil.copy(undisturbed / "ledger.sqlite", folder)
    with sqlite3.connect(folder / "ledger.sqlite") as ledger:
        ledger.execute("DELETE FROM runs WHERE student <> 'reference'")
    ledger.close()
    return folder


Start = Callable[..., Started]


@pytest.fixture
def start(handed_in: Path, rubric: Path, home: Path, out: Path, tmp_path: Path) -> Start:
    def started(*options: object) -> Started:
        arguments = ("batch", handed_in, "-o", out, "--rubric", rubric, "--workers", 2, *options)
        return Started(tmp_path / f"run{len(list(tmp_path.glob('run*')))}", *arguments, home=home)

    return started


def test_failures_are_results_and_stand_where_they_happened(undisturbed: Path) -> None:
    verdicts = {report["student"]: (report["verdict"], report["points"]) for report in grades_in(undisturbed)["submissions"]}
    assert verdicts.pop("raises") == ("raised", 0)
    assert verdicts.pop("leaves") == ("exited", 0)
    assert {verdict for verdict, _ in verdicts.values()} == {"graded"}


def test_running_everything_again_measures_the_same_bytes(start: Start, undisturbed: Path, out: Path) -> None:
    shutil.copytree(undisturbed, out, dirs_exist_ok=True)
    before = grades_in(out)
    with start("--fresh", "--workers", 1) as fresh:
        assert fresh.finish() == 0
    assert measurements(grades_in(out)) == measurements(before)
    stamps = [[report["seconds"] for report in grades["submissions"]] for grades in (before, grades_in(out))]
    assert stamps[0] != stamps[1]  # they did run again


def test_a_rerun_runs_nothing_again(start: Start, undisturbed: Path, out: Path) -> None:
    shutil.copytree(undisturbed, out, dirs_exist_ok=True)
    with start() as again:
        assert again.finish() == 0
    assert grades_in(out) == grades_in(undisturbed)


def killed_at_a_random_moment(start: Start, moments: random.Random) -> None:
    """A batch of which one process is killed: the keeper, the nursery, or what a run consists of."""
    with start() as batch:
        time.sleep(moments.uniform(1.5, 7.5))
        others = [pid for pid in batch.processes() if pid != batch.process.pid]
        victim = moments.choice([batch.process.pid, *batch.nurseries(), *others[-1:], *others])
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        status = batch.finish()
        assert status in (0, -signal.SIGKILL), batch.messages
        assert batch.survivors() == []


def test_a_batch_killed_at_random_moments_ends_with_the_same_table(start: Start, undisturbed: Path, out: Path) -> None:
    moments = random.Random(seed := time.time_ns())
    for _ in range(5):
        killed_at_a_random_moment(start, moments)
    with start() as last:
        assert last.finish() == 0, last.messages
    assert measurements(grades_in(out)) == measurements(grades_in(undisturbed)), f"seed {seed}"


@pytest.mark.long
@pytest.mark.longest
def test_a_batch_killed_at_thirty_random_moments_ends_with_the_same_table(start: Start, undisturbed: Path, out: Path) -> None:
    for _ in range(6):
        with sqlite3.connect(out / "ledger.sqlite") as ledger:
            ledger.execute("DELETE FROM runs WHERE student <> 'reference'")  # so that there is something to be killed
        ledger.close()
        test_a_batch_killed_at_random_moments_ends_with_the_same_table(start, undisturbed, out)


def test_remark_gives_what_a_batch_under_that_rubric_gives(
    handed_in: Path, undisturbed: Path, home: Path, out: Path, tmp_path: Path
) -> None:
    other = rubric_file(tmp_path, instances={"hidden": 1}, points={"upper": 0.5})
    shutil.copytree(undisturbed, out, dirs_exist_ok=True)
    marked = run_program("remark", out, "--rubric", other, home=home)
    assert marked.returncode == 0 and "\n1 of 6 submissions moved" in marked.stdout, marked.stderr
    shutil.copytree(undisturbed, tmp_path / "batch")
    done = run_program("batch", handed_in, "-o", tmp_path / "batch", "--rubric", other, home=home)
    assert done.returncode == 0, done.stderr
    assert grades_in(out) == grades_in(tmp_path / "batch")
    for name in ("gradebook.csv", "index.html", "students/work0/report.html"):
        assert (out / name).read_bytes() == (tmp_path / "batch" / name).read_bytes()


def kill_nurseries(batch: Started, pause: float) -> int:
    """Kill each nursery once it is ``pause`` seconds old, until the batch ends. Returns how many it were."""
    seen: dict[int, float] = {}
    killed: set[int] = set()
    while batch.process.poll() is None:
        for pid in batch.nurseries():
            if time.monotonic() - seen.setdefault(pid, time.monotonic()) > pause and pid not in killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        time.sleep(0.01)
    return len(killed)


def test_a_lost_nursery_costs_nobody_anything(start: Start, undisturbed: Path, out: Path) -> None:
    with start() as batch:
        batch.wait_for(": ")  # somebody's verdict
        (nursery,) = batch.nurseries()
        os.kill(nursery, signal.SIGKILL)
        assert batch.finish() == 0, batch.messages
        assert batch.survivors() == []
    assert measurements(grades_in(out)) == measurements(grades_in(undisturbed))


def test_what_the_grader_owes_has_no_points_and_is_graded_by_the_next_run(start: Start, undisturbed: Path, out: Path) -> None:
    with start("--only", "work0", "--only", "leaves") as haunted:
        haunted.wait_for("leaves: ")
        kill_nurseries(haunted, pause=0.1)
        assert haunted.finish() == 3, haunted.messages
        assert "not graded: work0; run the same command again to retry them" in haunted.messages
        assert haunted.survivors() == []
    leaves, owed = grades_in(out)["submissions"]
    assert (leaves["verdict"], leaves["points"]) == ("exited", 0)
    assert (owed["verdict"], owed["points"], owed["raw_points"]) == ("not_graded", None, None)
    assert "the grader failed: " in owed["message"]
    with start() as retried:
        assert retried.finish() == 0, retried.messages
    assert measurements(grades_in(out)) == measurements(grades_in(undisturbed))


def test_unreadable_uploads_are_known_by_the_digest_of_their_bytes(rubric: Path, home: Path, out: Path, tmp_path: Path) -> None:
    folder = tmp_path / "handed-in"
    (folder / "nothing").mkdir(parents=True)
    (folder / "nothing" / "notes.txt").write_text("nothing yet")
    (folder / "archive.rar").write_bytes(b"Rar!\x1a\x07")
    (folder / "link.py").symlink_to("archive.rar")
    with zipfile.ZipFile(folder / "empty.zip", "w"):
        pass
    done = run_program("batch", folder, "-o", out, "--rubric", rubric, home=home)
    assert done.returncode == 0, done.stderr
    reports = {report["student"]: report for report in grades_in(out)["submissions"]}
    assert {report["verdict"] for report in reports.values()} == {"unreadable"}
    for name in ("archive.rar", "empty.zip"):
        assert reports[name.partition(".")[0]]["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert len(reports["nothing"]["sha256"]) == 64
    assert reports["link"]["sha256"] is None


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything; CI runs this as an ordinary user too")
def test_an_upload_that_the_disk_refuses_is_owed_and_the_others_are_graded(
    rubric: Path, home: Path, out: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "handed-in"
    folder.mkdir()
    for name in ("locked.py", "raises.py"):
        (folder / name).write_text(RAISES)
    (folder / "locked.py").chmod(0)
    arguments = ("batch", folder, "-o", out, "--rubric", rubric)
    assert run_program(*arguments, home=home).returncode == 3
    assert [report["verdict"] for report in grades_in(out)["submissions"]] == ["not_graded", "raised"]
    (folder / "locked.py").chmod(0o600)
    assert run_program(*arguments, home=home).returncode == 0
    assert [report["verdict"] for report in grades_in(out)["submissions"]] == ["raised", "raised"]
