"""Hostile submissions in real forks, with namespaces and without: each gets its verdict, and nothing of it is left.

An attack that is refused, or leads nowhere, returns the model and is graded; one that succeeds raises "breach".
"""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader import rubric
from grader.errors import GraderError
from grader.formulas import PARAMETER_SHAPES
from grader.nursery import Nursery
from grader.records import Run, Submission
from grader.sandbox import PublicData, Sandbox

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
PRELUDE = """
import ctypes, json, mmap, os, signal, socket, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)
def send(record, more=b""):
    text = record if isinstance(record, bytes) else json.dumps(record).encode()
    os.write(3, struct.pack("<I", len(text)) + text + more)
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
def fork(work):
    pid = os.fork()
    if pid == 0:
        try: work()
        finally: os._exit(0)
    return pid
def daemon(work):
    def middle():
        try: os.setsid()
        except OSError: pass
        for number in range(1, 32):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        libc.prctl(1, 0)
        fork(work)
    os.waitpid(fork(middle), 0)
"""


def sandbox_of(namespaces: bool, *forbidden: Path, **limits: object) -> Sandbox:
    changed = RULES.limits.model_copy(update=LIMITS | limits)
    return Sandbox(RULES.model_copy(update={"limits": changed}), forbidden=forbidden, namespaces=namespaces)


def submission(body: str) -> Submission:
    """``body`` is a whole source if it defines prune, else the lines of prune after PRELUDE."""
    if "def prune" not in body:
        body = PRELUDE + "def prune(model):\n" + "".join(f"    {line}\n" for line in [*body.strip().splitlines(), "return model"])
    return Submission("0" * 64, "prune.py", {"prune.py": body.encode()})


@pytest.fixture(scope="module")
def data() -> Iterator[PublicData]:
    generator = np.random.default_rng(0)
    shapes = {"train.X": (2048, 128), "train.Y": (2048, 10), "validation.X": (64, 128), "validation.Y": (64, 10)}
    instance = PublicData.of(
        "public", {name: generator.random(shape, np.float32) / 8 for name, shape in (shapes | PARAMETER_SHAPES).items()}
    )
    yield instance
    os.close(instance.fd)


@pytest.fixture(scope="module")
def secret() -> Iterator[Path]:
    """A folder with a file that no submission may read, next to a socket that none may reach."""
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX) as listening:
        folder = Path(name)
        (folder / "hidden").write_text("hidden")
        listening.bind(str(folder / "socket"))
        listening.listen()
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="module", params=[True, pytest.param(False, marks=pytest.mark.long)], ids=["namespaces", "no-namespaces"])
def sandbox(request: pytest.FixtureRequest, secret: Path) -> Iterator[Sandbox]:
    with sandbox_of(request.param, secret / "hidden") as opened:
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
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="runs-"))
    folder.chmod(0o755)
    tempfile.tempdir = str(folder)
    yield folder
    tempfile.tempdir = None
    assert list(folder.iterdir()) == []
    folder.rmdir()


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest, own_temporary_folder: Path) -> Iterator[None]:
    def world() -> list[object]:
        return [sorted(os.listdir("/dev/shm")), Path("/proc/self/mountinfo").read_text(), Path("/proc/sysvipc/shm").read_text()]

    opened: Sandbox | None = request.getfixturevalue("sandbox") if "sandbox" in request.fixturenames else None
    before = world()
    yield
    assert world() == before
    assert list(own_temporary_folder.glob("prunegrade-run-*")) == []
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


# --- what must be refused ---------------------------------------------------------------------------------------------

REFUSED = {
    "read a hidden file": "open({hidden!r}).read()",
    "list a hidden folder": "os.listdir({folder!r})",
    "hidden file by a link": "os.symlink({hidden!r}, 'link'); open('link').read()",
    "hidden file by a hard link": "os.link({hidden!r}, 'link'); open('link').read()",
    "list the root": "os.listdir('/')",
    "list the processes": "os.listdir('/proc')",
    "host's passwords": "open('/etc/shadow').read()",
    "kernel's memory": "open('/proc/kcore', 'rb').read(1)",
    "keeper's environment": "open('/proc/{keeper}/environ', 'rb').read()",
    "keeper's memory": "open('/proc/{keeper}/mem', 'rb').read(1)",
    "keeper's descriptors": "os.listdir('/proc/{keeper}/fd')",
    "keeper's root": "os.listdir('/proc/{keeper}/root')",
    "warden's environment": "open(f'/proc/{{os.getppid()}}/environ', 'rb').read()",
    "warden's memory": "open(f'/proc/{{os.getppid()}}/mem', 'rb').read(1)",
    "warden's descriptors": "os.listdir(f'/proc/{{os.getppid()}}/fd')",
    "signal the keeper": "os.kill({keeper}, 0)",
    "signal the nursery": "os.kill({nursery}, 0)",
    "signal the warden": "os.kill(os.getppid(), signal.SIGKILL)",
    "stop the warden": "os.kill(os.getppid(), signal.SIGSTOP)",
    "trace the warden": "call('ptrace', 0x4206, os.getppid(), 0, 0)",
    "read the warden's memory": "call('process_vm_readv', os.getppid(), None, 0, None, 0, 0)",
    "take a descriptor": "call('syscall', 438, os.pidfd_open(os.getppid()), 3, 0)",
    "limit the keeper": "call('prlimit', {keeper}, 7, None, ctypes.create_string_buffer(16))",
    "raise its own limit": "import resource; resource.setrlimit(resource.RLIMIT_CPU, (-1, -1))",
    "a session of its own": "if fork(lambda: os.setsid() and os.kill(os.getppid(), 9)): time.sleep(0.3); raise OSError",
    "own priority": "os.setpriority(0, 0, -5)",
    "own processors": "os.sched_setaffinity(0, {{0}})",
    "TCP": "socket.create_connection(('127.0.0.1', 22), 1)",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "raw packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "virtual machine socket": "socket.socket(40, socket.SOCK_STREAM)",
    "socket of the host": "socket.socket(socket.AF_UNIX).connect({socket!r})",
    "abstract socket": "socket.socket(socket.AF_UNIX).connect('\\0prunegrade-test')",
    "io_uring": "call('syscall', 425, 1, None)",
    "keyrings": "call('syscall', 250, 0, -3, 0)",
    "shared memory of System V": "call('shmget', 0, 4096, 0o1600)",
    "message queue": "call('syscall', 240, b'q', 0o102, 0o600, None)",
    "memory file": "os.memfd_create('hoard')",
    "shared memory without a file": "mmap.mmap(-1, 4096)",
    "shared zeros": "mmap.mmap(os.open('/dev/zero', os.O_RDWR), 4096)",
    "huge pages": "mmap.mmap(-1, 2 << 20, flags=0x40022)",
    "user faults": "call('syscall', 323, 0)",
    "performance counters": "call('syscall', 298, None, 0, -1, -1, 0)",
    "BPF": "call('syscall', 321, 0, None, 0)",
    "namespace": "call('unshare', 0x10000000)",
    "namespace by clone": "call('syscall', 56, 0x10000011, 0, 0, 0, 0)",
    "namespace by clone3": "call('syscall', 435, ctypes.create_string_buffer(64), 64)",
    "mount": "call('mount', b'none', b'.', b'tmpfs', 0, None)",
    "change the root": "os.chroot('.')",
    "hide from the warden": "call('prctl', 4, 0)",
    "a filter of its own": "call('prctl', 22, 1, None)",
    "write all to disk": "os.sync() or call('syscall', 162)",
    "write a library": "open(os.__file__, 'a')",
    "write beside the libraries": "os.open(os.path.dirname(os.__file__), os.O_TMPFILE | os.O_WRONLY)",
    "replace a library": "os.rename('prune.py', os.__file__)",
    "kernel setting": "open('/proc/sys/kernel/core_pattern', 'w')",
    "less likely to be killed": "open('/proc/self/oom_score_adj', 'w').write('-1000')",
    "become root": "os.setuid(0)",
    "start a program": "os.execv('/bin/true', ['true'])",
    "handle of a file": "call('name_to_handle_at', -100, b'.', ctypes.create_string_buffer(136), None, 0)",
    "clock": "time.clock_settime(time.CLOCK_REALTIME, 0)",
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(name: str, sandbox: Sandbox, data: PublicData, secret: Path) -> None:
    attempt = REFUSED[name].format(
        hidden=str(secret / "hidden"),
        folder=str(secret),
        socket=str(secret / "socket"),
        keeper=os.getpid(),
        nursery=nursery_of(sandbox),
    )
    body = f"try:\n    {attempt}\nexcept (OSError, ValueError):\n    return model\nraise SystemError('breach')"
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0prunegrade-test")
        abstract.listen()
        run = sandbox.run(submission(body), data)
    assert verdict(run) == "graded", run.failure


# --- what ends in a verdict -------------------------------------------------------------------------------------------

FLOOD = "for _ in range(200): send({'stage': 'prune'})"
SPREAD = "for _ in range(4): fork(lambda: burn(30))\ntime.sleep(30)"
UNSEEN = "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\nwhile True:\n    fork(lambda: burn(0.3)); time.sleep(0.31)"
HOARD = "def hoard():\n    kept = [bytearray(b'x') * (8 << 20) for _ in range(15)]; time.sleep(30)\n"
DESCRIPTORS = "def hoard():\n    kept = [socket.socketpair() for _ in range(500)]; time.sleep(30)\n"
ATTACKS: dict[str, tuple[str, set[str]]] = {
    "half a record": ("os.write(3, struct.pack('<I', 100) + b'{'); os._exit(0)", {"exited"}),
    "half a record and sleep": ("os.write(3, b'xx'); time.sleep(60)", {"timed_out"}),
    "huge record": ("os.write(3, b'\\xff' * 4); time.sleep(60)", {"rejected"}),
    "flood of records": (FLOOD, {"rejected"}),
    "flood of bytes": ("while True: os.write(3, bytes(1 << 16))", {"rejected"}),
    "no JSON": ("send(b'{]'); time.sleep(60)", {"rejected"}),
    "no object": ("send(b'[1]'); time.sleep(60)", {"rejected"}),
    "not UTF-8": ("send(b'\\xff\\xfe')", {"rejected"}),
    "deep JSON": ("send(b'[' * 60000)", {"rejected"}),
    "long number": ("send(b'{\"claim\":' + b'9' * 60000 + b'}')", {"rejected"}),
    "claims to be graded": ("send({'claim': 'graded', 'points': 100}); time.sleep(60)", {"rejected"}),
    "claims not to be graded": ("send({'claim': 'not_graded'}); os._exit(0)", {"rejected"}),
    "claim of another type": ("send({'claim': {'raised': []}}); os._exit(0)", {"rejected"}),
    "claims a return": ("send({'claim': 'returned'}); os._exit(0)", {"rejected"}),
    "claims a return and sleeps": ("send({'claim': 'returned'}); time.sleep(60)", {"timed_out"}),
    "returns too little": ("send({'claim': 'returned'}, b'0' * 100); os._exit(0)", {"rejected"}),
    "returns too much": ("send({'claim': 'returned'}, bytes(569384 + 40000)); time.sleep(60)", {"graded"}),
    "returns, then crashes": ("send({'claim': 'returned'}, bytes(569384)); os.abort()", {"graded"}),
    "notes of another type": ("send({'claim': 'raised', 'notes': 5})", {"raised"}),
    "texts of another type": ("send({'claim': 'raised', 'message': [[1]], 'traceback': 1e999, 'line': True})", {"raised"}),
    "half characters": ("send({'claim': 'raised', 'message': '\\ud800', 'notes': ['\\udfff']})", {"raised"}),
    "deep message": ("send(b'{\"claim\":\"raised\",\"message\":' + b'[' * 940 + b']' * 940 + b'}')", {"raised", "rejected"}),
    "closes everything": ("os.closerange(0, 100)", {"exited"}),
    "closes the result and sleeps": ("os.close(3); time.sleep(60)", {"timed_out"}),
    "result to the log": ("os.dup2(1, 3)", {"exited"}),
    "log to the result": ("os.dup2(3, 1); print('x' * 10); sys.stdout.flush()", {"rejected", "graded"}),
    "stops itself": ("os.kill(os.getpid(), signal.SIGSTOP)", {"timed_out"}),
    "waits for a sleeping twin": ("libc.syscall(58) or time.sleep(60)", {"timed_out"}),
    "kills all": ("try: os.kill(-1, signal.SIGKILL)\nexcept OSError: pass", {"graded"}),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", {"crashed"}),
    "lets itself be killed by a twin": ("fork(lambda: os.kill(os.getppid(), signal.SIGKILL)); time.sleep(60)", {"crashed"}),
    "alarm": ("signal.setitimer(signal.ITIMER_REAL, 0.1); time.sleep(60)", {"crashed"}),
    "foreign call": ("libc.syscall(0x40000000 + 39); call('syscall', 100000)", {"raised"}),
    "leaves a daemon": ("daemon(lambda: time.sleep(60))", {"graded"}),
    "leaves a daemon that writes": ("daemon(lambda: [os.write(3, b'x') for _ in iter(int, 1)])", {"graded", "rejected"}),
    "exits and leaves a daemon": ("daemon(lambda: time.sleep(60)); os._exit(3)", {"exited"}),
    "fork bomb": ("while True:\n    try: os.fork()\n    except OSError: pass", {"timed_out"}),
    "bomb of sessions": (
        "while True:\n    try:\n        if os.fork() == 0: os.setsid()\n    except OSError: pass",
        {"timed_out"},
    ),
    "thread bomb": ("while True: threading.Thread(target=time.sleep, args=(60,)).start()", {"raised"}),
    "time spread over processes": (SPREAD, {"timed_out"}),
    "time of children nobody waits for": (UNSEEN, {"timed_out"}),
    "ignores the CPU limit": ("signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", {"timed_out"}),
    "memory": ("kept = []\nwhile True: kept.append(bytearray(b'x') * (8 << 20))", {"out_of_memory"}),
    "memory spread over processes": (HOARD + "for _ in range(8): fork(hoard)\ntime.sleep(30)", {"out_of_memory"}),
    "memory of descriptors": (DESCRIPTORS + "for _ in range(4): fork(hoard)\ntime.sleep(30)", {"out_of_memory"}),
    "one huge file": ("open('f', 'wb').write(bytes(64 << 20))", {"raised"}),
    "floods the log": ("for _ in range(500): os.write(1, b'x' * 65536)", {"graded"}),
    "changes its files": ("os.rename('prune.py', 'moved'); os.mkdir('prune.py')", {"graded"}),
    "removes its folder": ("import shutil; shutil.rmtree(os.getcwd(), ignore_errors=True)", {"graded"}),
    "folder that can't be listed": ("os.mkdir('d', 0o300); os.mkdir('d/e'); open('d/e/f', 'w'); os.mkdir('z', 0)", {"graded"}),
    "folders far too deep": ("for _ in range(1500): os.mkdir('d' * 9); os.chdir('d' * 9)", {"graded", "out_of_memory"}),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_gets_its_verdict(name: str, sandbox: Sandbox, data: PublicData) -> None:
    source, expected = ATTACKS[name]
    run = sandbox.run(submission(source), data)
    assert verdict(run) in expected, run.failure
    for text in (run.log, *run.notes, run.failure.message if run.failure else ""):
        text.encode()
    assert len(run.log) < 2 * LIMITS["log_bytes"]
    assert verdict(sandbox.run(submission("pass"), data)) == "graded"


@pytest.mark.parametrize("namespaces", [True, False])
def test_a_bystander_gets_the_weights_that_it_gets_alone(namespaces: bool, data: PublicData) -> None:
    names = ["fork bomb", "memory", "flood of bytes", "floods the log", "leaves a daemon", "changes its files", "kills itself"]
    with sandbox_of(namespaces, cpu_seconds=2, wall_seconds=20) as opened, ThreadPoolExecutor(4) as pool:
        alone = opened.run(submission(HONEST), data)
        attacks = [pool.submit(opened.run, submission(ATTACKS[name][0]), data) for name in names]
        beside = [pool.submit(opened.run, submission(HONEST), data) for _ in range(3)]
        assert [run.result().failure for run in beside] == [None] * 3
        assert {run.result().weights for run in beside} == {alone.weights}
        assert [verdict(run.result()) in ATTACKS[name][1] for run, name in zip(attacks, names, strict=True)] == [True] * len(
            names
        )
        assert eventually(lambda: not processes_below(nursery_of(opened)))


def test_a_run_leaves_nothing_for_the_next(sandbox: Sandbox, data: PublicData) -> None:
    sandbox.run(
        submission("import torch\ntorch.zeros = None\nopen('/tmp/mark' if os.path.exists('/tmp/submission') else 'mark', 'w')"),
        data,
    )
    run = sandbox.run(
        submission("import torch\nassert torch.zeros(1) == 0\nprint(os.listdir('.'), os.path.exists('/tmp/mark'))"), data
    )
    assert (verdict(run), run.log) == ("graded", "['prune.py'] False\n")


def test_another_nursery_gives_the_same_bytes(data: PublicData) -> None:
    runs = []
    for _ in range(2):
        with sandbox_of(True) as opened:
            runs.append(opened.run(submission(HONEST + "print(hash('a'), {'b', 'c', 'd', 'e'})"), data))
    assert (runs[0].weights, runs[0].log) == (runs[1].weights, runs[1].log)


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
    with sandbox_of(False, memory_bytes=256 * MIB, file_bytes=64 * MIB) as opened:
        body = "for n in range(8): open(str(n), 'wb').write(bytes(60 << 20))\ntime.sleep(2)"
        assert verdict(opened.run(submission(body), data)) == "out_of_memory"


def test_inodes_are_limited(sandbox: Sandbox, data: PublicData) -> None:
    body = "try:\n    for n in range(40000): open(f'{n}' + 'x' * 200, 'w').close()\nexcept OSError: pass"
    assert verdict(sandbox.run(submission(body), data)) in ("graded", "timed_out", "out_of_memory")


@pytest.mark.parametrize(("clock", "wall_seconds", "source", "expected", "words"), [
    ("wall", 30, "burn(0.9)", "graded", ""),
    ("wall", 1, "time.sleep(60)", "timed_out", "limits.wall_seconds"),
    ("cpu", 30, "burn(60)", "timed_out", "limits.cpu_seconds"),
    ("cpu", 1, "time.sleep(60)", "timed_out", "used only 0.0 s of CPU"),
    ("both", 30, "burn(60)", "timed_out", "limits.cpu_seconds"),
    ("both", 1, "time.sleep(60)", "timed_out", "limits.wall_seconds"),
])  # fmt: skip
def test_clocks(clock: str, wall_seconds: float, source: str, expected: str, words: str, data: PublicData) -> None:
    with sandbox_of(True, clock=clock, cpu_seconds=0.5, wall_seconds=wall_seconds) as opened:
        run = opened.run(submission(source), data)
    assert verdict(run) == expected, run.failure
    assert words in (run.failure.message if run.failure else "")


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
