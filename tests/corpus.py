"""The corpus of tests/cases/: what a folder says of itself, what its attack aims at, and how it is handed in.

case.yaml: ``expect`` (verdict), and where they matter ``stage``, ``message`` (a part of it), ``points`` (bounds on the
public validation split), ``limits`` and ``allow`` (keys instead of the rubric's), ``packages`` (which must be installed).

Of an attack also ``needs``: the layers each of which stops it, so that with all of them off it must succeed, and to succeed
is to end with target.breach(). ``only: root`` or ``only: user`` says for whom it bites, and ``unsafe`` why it never runs
without its layers. An attack finds ``target`` beside it, see cases/target.py.

Of an honest one perhaps ``wants``: layers which it can't be graded without, ``otherwise`` being what is expected then
("any" where it depends on where things lie).
"""

from __future__ import annotations

import glob
import importlib.metadata
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from grader import batch, opening, pipeline, rubric, task
from grader.evaluate import Samples
from grader.pipeline import Bench, Station
from grader.records import LAYERS, Outcome, Upload
from grader.report import build, write
from grader.rubric import AllowSection, InstancesSection, LimitsSection, Rubric
from grader.sandbox import own_uid

FOLDER = Path(__file__).parent / "cases"
_DIGITS = re.compile(rb"(?=([0-9a-f]{12}))")  # at every place, also within longer runs of them
_KEYS = {"expect", "stage", "message", "points", "limits", "allow", "packages", "needs", "only", "unsafe", "wants", "otherwise"}
_SCRATCH_PROCESS = """
import signal, sys, time
sys.path.insert(0, {root!r})
from grader.inside import kernel
kernel.drop_capabilities()
for number in (signal.SIGURG, signal.SIGUSR1): signal.signal(number, lambda *_: None)
canary = bytearray({canary!r}.encode())
hidden = open({hidden!r})
print("ready", flush=True)
time.sleep(3600)
"""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    expect: str
    stage: str | None = None
    message: str = ""
    points: tuple[float, float] | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    allow: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    needs: frozenset[str] | None = None
    only: str | None = None
    unsafe: str | None = None
    wants: tuple[str, ...] = ()
    otherwise: Mapping[str, str] = field(default_factory=dict)

    def under(self, layers: Collection[str]) -> Case:
        """What is expected where these layers are in force."""
        return self if set(self.wants) <= set(layers) else replace(self, points=None, **self.otherwise)

    def is_stopped_by(self, layers: Collection[str]) -> bool:
        """False for an attack that nothing stops where only these layers are in force."""
        return not self.needs or not self.needs.isdisjoint(layers)

    @property
    def submission(self) -> Path:
        (path,) = (path for path in (FOLDER / self.name).iterdir() if path.stem == "submission")
        return path

    @property
    def aims(self) -> bool:
        """Whether it is an attack that wants its target beside it."""
        return self.needs is not None

    @property
    def bites(self) -> bool:
        """Whether it must succeed, here and as this user, once its layers are off."""
        whose = "root" if os.getuid() == 0 else "user"
        return bool(self.needs) and not self.unsafe and self.only in (None, whose)


def load(path: Path) -> Case:
    found = yaml.safe_load((path / "case.yaml").read_text())
    if unknown := found.keys() - _KEYS:
        raise ValueError(f"{path.name}: case.yaml has no keys {sorted(unknown)}")
    needs = found.pop("needs", None)
    if unknown := set(needs or ()) - set(LAYERS):
        raise ValueError(f"{path.name}: needs no such layers: {sorted(unknown)}")
    points = found.pop("points", None)
    return Case(
        path.name,
        packages=tuple(found.pop("packages", ())),
        wants=tuple(found.pop("wants", ())),
        points=tuple(points) if points else None,
        needs=None if needs is None else frozenset(needs),
        **found,
    )


CASES = [load(path.parent) for path in sorted(FOLDER.glob("*/case.yaml"))]


def rules_of(case: Case, rules: Rubric) -> Rubric:
    """The rubric with what the case changes of it."""
    limits = LimitsSection.model_validate({**rules.limits.model_dump(), **case.limits})
    allow = AllowSection.model_validate({**rules.allow.model_dump(), **case.allow})
    return rules.model_copy(update={"limits": limits, "allow": allow})


def hand_in(case: Case, target: Target, place: Path, student: str | None = None) -> Upload:
    """The case's submission, an attack with its target beside it in a folder of its own."""
    for package in case.packages:
        importlib.metadata.distribution(package)  # the set-up installs it: a missing one is a failure, not a skip
    path = case.submission
    if case.aims:
        folder = place / case.name
        shutil.rmtree(folder, ignore_errors=True)
        if path.is_dir():
            shutil.copytree(path, folder)
        else:
            folder.mkdir(parents=True)
            shutil.copy(path, folder / "prune.py")
        (folder / "target.py").write_text(target.source())
        path = folder
    return Upload(student or case.name, path.name, str(path), path)


def what_differs(case: Case, outcome: Outcome) -> list[str]:
    """Where the outcome is not the one that the case expects."""
    failure = outcome.failure
    wrong = []
    if case.expect == "any":
        pass
    elif outcome.verdict != case.expect:
        wrong.append(f"{outcome.verdict} instead of {case.expect}: {failure and (failure.stage, failure.message)}")
    elif failure:
        if case.stage not in (None, failure.stage):
            wrong.append(f"stage {failure.stage} instead of {case.stage}")
        if case.message not in failure.message:
            wrong.append(f"{failure.message!r} does not hold {case.message!r}")
    if "BREACH" in outcome.log:
        wrong.append(outcome.log)
    return wrong


# --- the target -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Target:
    """A scratch folder, sockets on loopback and a process, which nothing but attacks of the corpus ever touch."""

    folder: Path
    canary: str = field(default_factory=lambda: f"canary-{secrets.token_hex(8)}")
    places: Mapping[str, Any] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def source(self) -> str:
        """target.py as an attack imports it."""
        self._revive()
        assert self._process
        coordinates = {**self.places, "PID": self._process.pid, "KEEPER": os.getpid(), "CANARY": self.canary}
        return (FOLDER / "target.py").read_text() + "".join(f"{name} = {value!r}\n" for name, value in coordinates.items())

    def _revive(self) -> None:
        """The files as they were, and a process that is alive and well: an attack that succeeded may have changed them."""
        hidden = self.folder / "hidden"
        hidden.unlink(missing_ok=True)
        hidden.write_text(self.canary)
        hidden.chmod(0o600)
        if self._process and self._process.poll() is None and _runs(self._process.pid):
            return
        self._end()
        code = _SCRATCH_PROCESS.format(root=str(FOLDER.parent.parent), canary=self.canary, hidden=str(hidden))
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={"PATH": "/usr/bin:/bin", "SECRET": self.canary},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def _end(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            assert self._process.stdout
            self._process.stdout.close()


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "RSD"


@contextmanager
def target(folder: Path) -> Iterator[Target]:
    """Set up below ``folder``, and torn down at the end. The grader's environment holds the canary meanwhile."""
    made = Target(folder)
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="runs-") as runs:
        stack.callback(made._end)
        os.chmod(runs, 0o755)  # the users of runs without namespaces must get through
        stack.callback(setattr, tempfile, "tempdir", tempfile.tempdir)
        tempfile.tempdir = runs
        path, abstract = folder / "socket", f"prunegrade-target-{os.getpid()}"
        addresses: list[tuple[int, int, Any]] = [
            (socket.AF_UNIX, socket.SOCK_STREAM, str(path)),
            (socket.AF_UNIX, socket.SOCK_STREAM, f"\0{abstract}"),
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        ]
        sockets = [stack.enter_context(socket.socket(family, kind)) for family, kind, _ in addresses]
        for one, (_, _, address) in zip(sockets, addresses, strict=True):
            one.bind(address)
            threading.Thread(target=_answer, args=(one, made.canary.encode()), daemon=True).start()
            stack.callback(one.shutdown, socket.SHUT_RDWR) if one.type == socket.SOCK_STREAM else None
        variable = "PRUNEGRADE_TEST_TOKEN"
        os.environ[variable] = made.canary
        stack.callback(os.environ.pop, variable)
        made.places = {
            "FOLDER": str(folder), "HIDDEN": str(folder / "hidden"), "SOCKET": str(path), "ABSTRACT": abstract,
            "TCP": sockets[2].getsockname()[1], "UDP": sockets[3].getsockname()[1], "VARIABLE": variable,
        }  # fmt: skip
        yield made


def _answer(one: socket.socket, canary: bytes) -> None:
    try:
        if one.type == socket.SOCK_DGRAM:
            while True:
                one.sendto(canary, one.recvfrom(64)[1])
        one.listen()
        while True:
            with one.accept()[0] as connection:
                connection.sendall(canary)
    except OSError:
        return  # closed at the end


# --- what must not be left --------------------------------------------------------------------------------------------


def leftovers(before: Mapping[str, object]) -> list[str]:
    """What is there now and was not there ``before``: processes, shared memory, mounts, files, control groups."""
    deadline = time.monotonic() + 5
    while (found := _differences(before)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _differences(before: Mapping[str, Any]) -> list[str]:
    now = world()
    return [f"{kind}: {sorted(map(str, now[kind] - before[kind]))}" for kind in before if now[kind] - before[kind]]


def world() -> dict[str, set[Any]]:
    """Of this machine what a run could leave behind."""
    return {
        "shared memory": set(os.listdir("/dev/shm")),
        "System V memory": set(Path("/proc/sysvipc/shm").read_text().splitlines()),
        "mounts": set(Path("/proc/self/mountinfo").read_text().splitlines()),
        "temporary files": set(glob.glob(f"{tempfile.gettempdir()}/prunegrade-run-*")),
        "control groups": set(glob.glob(f"/sys/fs/cgroup/**/prunegrade-{os.getpid()}-*", recursive=True)),
        "processes": set(_strangers()),
    }


def _strangers() -> Iterator[str]:
    """Processes of the users that this process gives to its runs, where it is root."""
    own = {own_uid(slot) for slot in range(16)} - {None}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid in own:
                    yield entry.name
            except OSError:
                continue  # ended meanwhile


# --- all of it in one batch -------------------------------------------------------------------------------------------

RULES = rubric.load(FOLDER.parent.parent / "rubric.yaml").model_copy(update={"instances": InstancesSection(hidden=0)})
_BYSTANDERS = {
    "magnitude": FOLDER.parent.parent / "submissions" / "magnitude.py",
    "fine_tunes": FOLDER / "fine_tunes" / "submission.py",
}


@dataclass(slots=True)
class Pass:
    """What came of one pass of the corpus as one identity."""

    seed: int
    layers: frozenset[str] = frozenset()
    cases: int = 0
    unstopped: list[str] = field(default_factory=list)  # attacks that none of the layers here stops: not run
    seconds: float = 0.0
    wrong: dict[str, list[str]] = field(default_factory=dict)  # case -> what it should not have done
    bystanders: int = 0  # runs of honest submissions beside them
    bystanders_changed: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)

    @property
    def breaches(self) -> list[str]:
        return [name for name, found in self.wrong.items() if any("BREACH" in one for one in found)]


def run_all(
    folder: Path,
    *,
    without: Collection[str] = (),
    workers: int = 2,
    only: str = "",
    share: float = 1.0,
    progress: Callable[[str], None] = print,
) -> Pass:
    """Grade every case on the public instance's hidden split, shuffled, in one batch for each set of rules.

    ``folder`` takes the secret, the uploads and the students' reports; ``share`` of the cases are taken, by chance. The seed
    of the shuffle is in the result.
    """
    started, found = time.monotonic(), Pass(secrets.randbelow(1 << 32))
    cases = [case for case in CASES if only in case.name]
    random.Random(found.seed).shuffle(cases)
    cases = cases[: round(share * len(cases))]
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(rules_of(case, RULES).model_dump_json(), []).append(case)
    (home := folder / "home").mkdir()
    problem = task.load(RULES, folder, home)
    (aim := folder / "target").mkdir()
    before = world()
    with target(aim) as aimed_at:
        hidden = _hidden_words(problem, home, aimed_at)
        for number, group in enumerate(groups.values()):
            place = folder / f"batch-{number}"
            place.mkdir()
            rules = rules_of(group[0], RULES)
            with opening.open_bench(
                rules, problem.instances, isolation="best", device="cpu", forbidden=(home, aim / "hidden"), without=without
            ) as bench:
                bench = replace(bench, stations={name: _shorter(station) for name, station in bench.stations.items()})
                found.layers = frozenset(bench.sandbox.isolation.layers)
                stopped = [case for case in group if case.is_stopped_by(found.layers)]
                found.unstopped += [case.name for case in group if case not in stopped]
                _run_group(stopped, bench, aimed_at, place, workers, found)
            found.leaks += _leaks(place / "out", hidden)
            progress(f"{number + 1} of {len(groups)} sets of rules, {found.cases} cases")
    found.leftovers = leftovers(before)
    found.seconds = time.monotonic() - started
    return found


def _shorter(station: Station) -> Station:
    """With a tenth of its samples: verdicts don't depend on them, and what measures the same does so on fewer."""
    few = slice(len(station.samples.inputs) // 10)
    return replace(station, samples=Samples(station.samples.inputs[few], station.samples.targets[few]))


def _run_group(group: Sequence[Case], bench: Bench, aimed_at: Target, place: Path, workers: int, found: Pass) -> None:
    """One batch, with two bystanders at random places among the rest; who they are alone is measured before."""
    bystanders = [Upload(f"{name}-{secrets.token_hex(6)}", path.name, str(path), path) for name, path in _BYSTANDERS.items()]
    alone = [pipeline.grade(upload, bench).outcomes[0].measurement for upload in bystanders]
    by_student = {f"{case.name}-{secrets.token_hex(6)}": case for case in group}
    uploads = [hand_in(case, aimed_at, place / student, student) for student, case in by_student.items()]
    for upload in bystanders:
        uploads.insert(random.Random(found.seed).randrange(len(uploads) + 1), upload)
    graded = list(batch.grade_all(uploads, bench, workers=workers, fresh=False))
    reports = []
    for one in graded:
        (outcome,) = one.outcomes
        reports.append(build.report(one, bench_rules(group), None))
        if case := by_student.get(one.upload.student):
            found.cases += 1
            if wrong := what_differs(case.under(found.layers), outcome):
                found.wrong[case.name] = wrong
    after = [next(one for one in graded if one.upload is upload).outcomes[0].measurement for upload in bystanders]
    found.bystanders += len(after)
    found.bystanders_changed += [
        upload.student for upload, first, second in zip(bystanders, alone, after, strict=True) if not first or first != second
    ]
    about = build.about(bench_rules(group), "0" * 64, bench.sandbox.isolation, {}, None)
    write.write_batch(place / "out", about, sorted(reports, key=lambda one: one.student), bench_rules(group))


def bench_rules(group: Sequence[Case]) -> Rubric:
    return rules_of(group[0], RULES)


def _hidden_words(problem: task.Task, home: Path, aimed_at: Target) -> list[bytes]:
    """What no student may ever see, in the forms in which it would most likely be seen."""
    (instance,) = problem.instances
    assert instance.hidden
    rows = [instance.hidden.inputs[0, :4], instance.hidden.targets[0, :4]]
    secret = (home / "secret").read_text().strip()
    return [
        secret.encode(), bytes.fromhex(secret), aimed_at.canary.encode(), str(home).encode(),
        *(row.tobytes() for row in rows), *(repr(float(row[0])).encode() for row in rows),
    ]  # fmt: skip


def _leaks(out: Path, hidden: Sequence[bytes]) -> list[str]:
    """Files for students' eyes that hold something hidden, or another student's id, which ends in twelve random digits."""
    students = {path.name.rpartition("-")[2].encode(): path.name for path in (out / "students").iterdir()}
    found = []
    for path in (out / "students").glob("*/*"):
        content, own = path.read_bytes(), path.parent.name
        others = {students[digits] for digits in _DIGITS.findall(content) if digits in students} - {own}
        found += [f"{path.relative_to(out)} holds {word!r}" for word in (*(w for w in hidden if w in content), *others)]
    return found
