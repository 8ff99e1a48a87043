"""The sandbox in real forks, with namespaces and without: what one run is to the next, its limits, and lost parts of it.

What a single submission may try, and what becomes of it, stands in cases/.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import pytest

from grader import rubric
from grader.errors import GraderError
from grader.formulas import PARAMETER_SHAPES
from grader.handover import PublicData
from grader.nursery import Nursery
from grader.records import Run, Submission
from grader.sandbox import Sandbox
from grader.turns import Turns

MIB = 1 << 20
RULES = rubric.load(Path(__file__).parent.parent / "rubric.yaml")
LIMITS = {"cpu_seconds": 1, "wall_seconds": 1.2, "memory_bytes": 512 * MIB, "file_bytes": 16 * MIB, "log_bytes": 4096}
HONEST = """
import torch
from assignment import train_loader
def prune(model):
    for parameter in model.parameters():
        parameter.data[torch.rand_like(parameter) < 0.5] = 0
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    for _ in range(3):
        for inputs, targets in train_loader():
            optimizer.zero_grad()
            model.loss(model(inputs), targets).backward()
            optimizer.step()
    return model
"""
PRELUDE = "import os, signal, time\nfrom target import burn, daemon, fork\n"


def sandbox_of(namespaces: bool, **limits: object) -> Sandbox:
    changed = RULES.limits.model_copy(update=LIMITS | limits)
    return Sandbox(RULES.model_copy(update={"limits": changed}), forbidden=(), without=() if namespaces else ("namespaces",))


def submission(body: str) -> Submission:
    """``body`` is a whole source if it defines prune, else the lines of prune after PRELUDE."""
    if "def prune" not in body:
        body = PRELUDE + "def prune(model):\n" + "".join(f"    {line}\n" for line in [*body.strip().splitlines(), "return model"])
    target = (corpus.FOLDER / "target.py").read_bytes()
    return Submission("0" * 64, "prune.py", {"prune.py": body.encode(), "target.py": target})


@pytest.fixture(scope="module")
def data() -> Iterator[PublicData]:
    generator = np.random.default_rng(0)
    shapes = {"train.X": (2048, 128), "train.Y": (2048, 10), "validation.X": (64, 128), "validation.Y": (64, 10)}
    instance = PublicData.of(
        "public", {name: generator.random(shape, np.float32) / 8 for name, shape in (shapes | PARAMETER_SHAPES).items()}
    )
    yield instance
    os.close(instance.fd)


@pytest.fixture(scope="module", params=[True, pytest.param(False, marks=pytest.mark.long)], ids=["namespaces", "no-namespaces"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with sandbox_of(request.param) as opened:
        if request.param and "namespaces" not in opened.isolation.layers:
            pytest.skip(f"no namespaces here: {opened.isolation.missing['namespaces']}")
        yield opened


def processes_below(nursery: int) -> list[int]:
    """Those that run: the wardens, and whatever is orphaned."""
    return [pid for pid, (parent, state) in all_processes().items() if parent == nursery and state != "Z"]


def all_processes() -> dict[int, tuple[int, str]]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found[int(entry.name)] = (int(parent), state)
    return found


def nursery_of(sandbox: Sandbox) -> int:
    assert sandbox._nursery
    return sandbox._nursery._process.pid


@pytest.fixture(scope="module", autouse=True)
def own_temporary_folder() -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="runs-") as folder:
        Path(folder).chmod(0o755)
        tempfile.tempdir = folder
        yield
        tempfile.tempdir = None
        assert os.listdir(folder) == []


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest, own_temporary_folder: None) -> Iterator[None]:
    opened: Sandbox | None = request.getfixturevalue("sandbox") if "sandbox" in request.fixturenames else None
    before = corpus.world()
    yield
    assert corpus.leftovers(before) == []
    if opened:
        assert eventually(lambda: not processes_below(nursery_of(opened)))


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def verdict(run: Run) -> str:
    assert (run.weights is None) != (run.failure is None)
    return run.failure.verdict if run.failure else "graded"


# --- several runs ---------------------------------------------------------------------------------------------------------

NEIGHBOURS = [
    "limit_fork_bomb", "limit_memory", "channel_flood_of_bytes", "channel_floods_the_log", "survive_daemon",
    "survive_changes_its_files", "kills_itself",
]  # fmt: skip


OPTIMIZER = frozenset({"torch.optim"})  # as intake finds it in HONEST: the nursery has imported what an optimizer needs


@pytest.mark.parametrize("namespaces", [True, False])
def test_a_bystander_gets_the_weights_that_it_gets_alone(namespaces: bool, data: PublicData) -> None:
    cases = [case for case in corpus.CASES if case.name in NEIGHBOURS]
    with sandbox_of(namespaces, cpu_seconds=2, wall_seconds=20) as opened, ThreadPoolExecutor(4) as pool:
        alone = opened.run(submission(HONEST), data, packages=OPTIMIZER)
        attacks = [pool.submit(opened.run, submission(case.submission.read_text()), data) for case in cases]
        beside = [pool.submit(opened.run, submission(HONEST), data, packages=OPTIMIZER) for _ in range(3)]
        assert [run.result().failure for run in beside] == [None] * 3
        assert {run.result().weights for run in beside} == {alone.weights}
        assert [verdict(run.result()) for run in attacks] == [case.expect for case in cases]
        assert eventually(lambda: not processes_below(nursery_of(opened)))


def test_a_neighbour_that_runs_out_of_memory_changes_no_verdict(data: PublicData) -> None:
    """The kernel counts the processes that it has killed for the whole machine, and a run may end itself by the same signal."""
    hoard = "for _ in range(3): fork(lambda: [bytearray(b'x') * (8 << 20) for _ in iter(int, 1)])\ntime.sleep(1)"
    with sandbox_of(True, cpu_seconds=20, wall_seconds=20) as opened, ThreadPoolExecutor(2) as pool:
        killed = pool.submit(opened.run, submission("time.sleep(1.5)\nos.kill(os.getpid(), signal.SIGKILL)"), data)
        pool.submit(opened.run, submission(hoard), data)
        assert verdict(killed.result()) == "crashed"


def test_a_run_leaves_nothing_for_the_next(sandbox: Sandbox, data: PublicData) -> None:
    sandbox.run(
        submission("import torch\ntorch.zeros = None\nopen('/tmp/mark' if os.path.exists('/tmp/submission') else 'mark', 'w')"),
        data,
    )
    run = sandbox.run(
        submission("import torch\nassert torch.zeros(1) == 0\nprint(sorted(os.listdir('.')), os.path.exists('/tmp/mark'))"), data
    )
    assert (verdict(run), run.log) == ("graded", "['prune.py', 'target.py'] False\n")


def test_another_nursery_gives_the_same_bytes(data: PublicData) -> None:
    runs = []
    for _ in range(2):
        with sandbox_of(True, cpu_seconds=20, wall_seconds=20) as opened:
            runs.append(opened.run(submission(HONEST + "print(hash('a'), {'b', 'c', 'd', 'e'})"), data))
    assert (runs[0].weights, runs[0].log) == (runs[1].weights, runs[1].log)


BURNS_HALF = "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: pass\n"


def test_an_honest_submission_at_half_the_limit_is_never_timed_out_on_a_busy_machine(data: PublicData) -> None:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(6)]
    try:
        with sandbox_of(True, cpu_seconds=2, wall_seconds=4) as opened, ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(lambda _: opened.run(submission(BURNS_HALF), data), range(8)))
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert [run.failure for run in runs] == [None] * 8
    assert max(run.seconds for run in runs) > 1.5  # they did have to wait


# --- honest submissions near the limits -------------------------------------------------------------------------------

WORKERS = """
import torch
from torch.utils.data import DataLoader
from assignment import train_loader
def prune(model):
    torch.set_num_threads(8)
    torch.ones(600, 600) @ torch.ones(600, 600)
    for inputs, _ in DataLoader(train_loader().dataset, batch_size=256, num_workers=2):
        model(inputs)
    return model
"""
SHARED = "kept = bytearray(b'x') * (150 << 20)\nfor _ in range(6): fork(lambda: time.sleep(0.6))\ntime.sleep(0.7)"
FILES = "for folder in ('/tmp', '/dev/shm'): open(folder + '/f', 'wb').write(bytes(200 << 20))\ntime.sleep(1)"


def with_namespaces(opened: Sandbox) -> Sandbox:
    if "namespaces" not in opened.isolation.layers:
        pytest.skip(f"no namespaces here: {opened.isolation.missing['namespaces']}")
    return opened


def test_threads_and_loader_workers_fit_the_default_limits(data: PublicData) -> None:
    with sandbox_of(True, memory_bytes=4096 * MIB, file_bytes=256 * MIB, cpu_seconds=20, wall_seconds=40) as opened:
        run = with_namespaces(opened).run(submission(WORKERS), data)
    assert verdict(run) == "graded", run.failure
    assert run.peak_memory_bytes < 600 * MIB


def test_pages_that_forked_processes_share_count_once(sandbox: Sandbox, data: PublicData) -> None:
    run = sandbox.run(submission(SHARED), data)
    assert verdict(run) == "graded", run.failure
    assert 150 * MIB < run.peak_memory_bytes < 512 * MIB


def test_files_in_memory_count(data: PublicData) -> None:
    with sandbox_of(True, memory_bytes=256 * MIB, file_bytes=256 * MIB) as opened:
        assert verdict(with_namespaces(opened).run(submission(FILES), data)) == "out_of_memory"


def test_files_on_disk_count_where_there_is_no_private_memory(data: PublicData) -> None:
    with sandbox_of(False, memory_bytes=256 * MIB, file_bytes=64 * MIB, cpu_seconds=60, wall_seconds=120) as opened:
        body = "for n in range(8): open(str(n), 'wb').write(bytes(60 << 20))\ntime.sleep(2)"
        assert verdict(opened.run(submission(body), data)) == "out_of_memory"


def test_folders_too_deep_for_any_path_are_removed(sandbox: Sandbox, data: PublicData) -> None:
    """On the host's disk they may also be seen first, and count as more than there is room for."""
    run = sandbox.run(submission("for _ in range(1500): os.mkdir('d' * 9); os.chdir('d' * 9)"), data)
    assert verdict(run) in ("graded", "out_of_memory")


def test_inodes_are_limited(sandbox: Sandbox, data: PublicData) -> None:
    body = "try:\n    for n in range(40000): open(f'{n}' + 'x' * 200, 'w').close()\nexcept OSError: pass"
    assert verdict(sandbox.run(submission(body), data)) in ("graded", "timed_out", "out_of_memory")


def test_the_kernels_own_limit_on_time_comes_long_after_the_graders(data: PublicData) -> None:
    """It counts whole ticks, which on a busy machine are more than the time that is reported, and its kill says no reason."""
    with sandbox_of(True, cpu_seconds=10) as opened:
        run = opened.run(submission("import resource\nprint(min(resource.getrlimit(resource.RLIMIT_CPU)))"), data)
    assert int(run.log) >= 20


@pytest.mark.parametrize(("clock", "wall_seconds", "source", "expected", "words"), [
    ("wall", 30, "burn(0.9)", "graded", ""),
    ("wall", 1, "time.sleep(60)", "timed_out", "limits.wall_seconds"),
    ("cpu", 30, "burn(60)", "timed_out", "limits.cpu_seconds"),
    ("cpu", 1, "time.sleep(60)", "timed_out", r"used only 0\.\d s of CPU"),
    ("both", 30, "burn(60)", "timed_out", "limits.cpu_seconds"),
    ("both", 1, "time.sleep(60)", "timed_out", "limits.wall_seconds"),
])  # fmt: skip
def test_clocks(clock: str, wall_seconds: float, source: str, expected: str, words: str, data: PublicData) -> None:
    with sandbox_of(True, clock=clock, cpu_seconds=0.5, wall_seconds=wall_seconds) as opened:
        run = opened.run(submission(source), data)
    assert verdict(run) == expected, run.failure
    assert re.search(words, run.failure.message if run.failure else "")


# --- when parts of the grader are lost --------------------------------------------------------------------------------


def while_running(sandbox: Sandbox, data: PublicData, source: str) -> tuple[threading.Thread, list[BaseException], int]:
    """Start a run in a thread; returns it, what it raises, and its warden's pid."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            sandbox.run(submission(source), data)
        except BaseException as error:
            raised.append(error)

    assert eventually(lambda: not processes_below(nursery_of(sandbox)))
    thread = threading.Thread(target=run)
    thread.start()
    assert eventually(lambda: bool(processes_below(nursery_of(sandbox))))
    (warden,) = processes_below(nursery_of(sandbox))
    time.sleep(0.3)  # until its daemon is there
    return thread, raised, warden


def has_ended(pid: int) -> bool:
    return all_processes().get(pid, (0, "Z"))[1] == "Z"


def test_a_lost_warden_is_the_graders_failure_and_leaves_nothing(sandbox: Sandbox, data: PublicData) -> None:
    thread, raised, warden = while_running(sandbox, data, "daemon(lambda: time.sleep(60)); time.sleep(60)")
    os.kill(warden, signal.SIGKILL)
    thread.join(10)
    assert [type(error) for error in raised] == [GraderError]
    assert verdict(sandbox.run(submission("pass"), data)) == "graded"


@pytest.mark.parametrize("namespaces", [True, False])
def test_a_lost_nursery_takes_its_runs_along(namespaces: bool, data: PublicData) -> None:
    with sandbox_of(namespaces) as opened:
        thread, raised, warden = while_running(opened, data, "daemon(lambda: time.sleep(60)); time.sleep(60)")
        os.kill(nursery_of(opened), signal.SIGKILL)
        thread.join(10)
        assert [type(error) for error in raised] == [GraderError]
        assert eventually(lambda: has_ended(warden))
        opened.recover(opened.generation, force=False)
        assert verdict(opened.run(submission("pass"), data)) == "graded"


def test_signals_that_the_graders_caller_ignores_are_as_usual_inside(data: PublicData) -> None:
    """A grader under nohup, or in the background of a script, was started with some ignored."""
    usual = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        opened = sandbox_of(True).__enter__()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in usual.items():
            signal.signal(number, handler)
    with contextlib.closing(opened):
        checks = """
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            assert signal.getsignal(signal.SIGHUP) is signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL
            assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
        """
        run = opened.run(submission(textwrap.dedent(checks)), data)
        assert verdict(run) == "graded", run.failure


HOARDS_PROCESSES = """
for _ in range(200):
    try:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
    except BlockingIOError:
        break
time.sleep(3)
"""
FORKS = """
time.sleep(1.5)
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
"""


def test_nobody_fails_for_the_processes_of_a_neighbour(data: PublicData) -> None:
    """As an ordinary user without namespaces all runs are counted together; elsewhere each has a count of its own."""
    with sandbox_of(False, processes=24, cpu_seconds=60, wall_seconds=120) as opened, ThreadPoolExecutor() as pool:
        neighbour = pool.submit(opened.run, submission(HOARDS_PROCESSES), data)
        honest = opened.run(submission(FORKS), data)
        assert verdict(honest) == "graded", honest.failure
        assert verdict(neighbour.result()) == "graded"


def test_one_alone_waits_for_the_others_and_they_for_it() -> None:
    turns, log = Turns(), list[str]()
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with turns.beside_others() as had_company:
            inside.set()
            leave.wait(30)
            log.append(f"first, company {had_company()}")

    def alone() -> None:
        with turns.alone():
            log.append("alone")

    threads = [threading.Thread(target=first), threading.Thread(target=alone)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    assert eventually(lambda: turns._taken)
    late = threading.Thread(target=lambda: turns.beside_others().__enter__() and log.append("late"))
    late.start()
    leave.set()
    for thread in (*threads, late):
        thread.join(30)
    assert log == ["first, company False", "alone", "late"]


def test_closing_the_sandbox_ends_its_runs(sandbox: Sandbox, data: PublicData) -> None:
    with sandbox_of("namespaces" in sandbox.isolation.layers) as opened:
        thread, raised, warden = while_running(opened, data, "daemon(lambda: time.sleep(60)); time.sleep(60)")
        opened.close()
        thread.join(10)
    assert [type(error) for error in raised] == [GraderError]
    assert eventually(lambda: has_ended(warden))


def test_a_package_that_starts_threads_is_left_to_the_children(data: PublicData, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Nursery.ask

    def ask(self: Nursery, message: Any, fds: tuple[int, ...], *, seconds: float) -> tuple[dict[str, Any], list[int]]:
        reply, received = honest(self, message, fds, seconds=seconds)
        return ({**reply, "threads": 2} if "warm" in message else reply), received

    monkeypatch.setattr(Nursery, "ask", ask)
    with sandbox_of(True) as opened:
        before = opened.generation
        runs = [opened.run(submission("import tqdm"), data, packages=frozenset({"tqdm"})) for _ in range(2)]
        assert [run.failure for run in runs] == [None, None]
        assert opened.generation == before + 1
