"""Examines an installation: what the machine confines submissions with, and whether known ones score as they must."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from grader import cards, pipeline
from grader.cards import Card
from grader.cgroup import ControlGroups
from grader.errors import GraderError
from grader.ladder import grade_reference
from grader.pipeline import Bench
from grader.records import LAYERS, Graded, Isolation, Upload
from grader.report.schema import Report
from grader.rubric import Rubric

_SURVEY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the confinement, and whether it works here."""

    name: str
    purpose: str
    cost: str  # of doing without it
    remedy: str
    problem: str  # "" where it works

    @property
    def works(self) -> bool:
        return not self.problem


_USER_NAMESPACES = (
    "allow unprivileged user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, on Ubuntu "
    "kernel.apparmor_restrict_unprivileged_userns=0), or run as root; a container needs them allowed by its seccomp profile"
)
_LANDLOCK = "a kernel from 5.13 on with landlock in its lsm= list, and a container profile that allows its three system calls"
_CGROUPS = "run as root, or in a delegated scope: systemd-run --user --scope -p Delegate=yes python grade.py ..."
_FACTS: dict[str, tuple[str, str, str]] = {
    "user namespace": (
        "gives an ordinary user the namespaces below",
        "no private root unless the grader is root",
        _USER_NAMESPACES,
    ),
    "mount namespace": (
        "a private root that shows libraries and the submission alone",
        "Landlock or an own user must keep files; the scratch folder lies on the host's disk",
        _USER_NAMESPACES,
    ),
    "pid namespace": (
        "no other process can be seen, and the end of a run is sure",
        "a run is ended by weaker means",
        _USER_NAMESPACES,
    ),
    "network namespace": ("no network at all", "seccomp alone refuses sockets", _USER_NAMESPACES),
    "ipc namespace": ("no shared memory of the host's", "seccomp alone refuses it", _USER_NAMESPACES),
    "uts namespace": ("no host name to change", "nothing that a submission may do anyhow", _USER_NAMESPACES),
    "own user": (
        "without namespaces, a user of its own for each run",
        "without namespaces, runs and grader share a user",
        "run the grader as root (with CAP_SETUID, CAP_SETGID and CAP_CHOWN)",
    ),
    "limits": ("memory, processes, files and CPU time of a process", "one submission can use up the machine", "not to be had"),
    "capabilities": ("no privilege, nor any to be gained", "a run may keep what root may do", "not to be had"),
    "Landlock files": (
        "only listed files can be opened, whatever else fails",
        "the private root, or without it the own user, keeps files alone",
        _LANDLOCK,
    ),
    "Landlock TCP": (
        "no TCP port",
        "seccomp and the network namespace keep the network alone",
        f"a kernel from 6.7 on; {_LANDLOCK}",
    ),
    "Landlock scopes": (
        "no signal and no abstract socket out of the run",
        "without namespaces an ordinary user's submission can end its own warden: such a run is not graded",
        f"a kernel from 6.12 on; {_LANDLOCK}",
    ),
    "seccomp": (
        "only known and harmless system calls",
        "network, tracing and the kernel's rarer interfaces are open: hidden data is refused",
        "a kernel with CONFIG_SECCOMP_FILTER, on x86_64 or aarch64, outside of gVisor",
    ),
    "control group: memory": (
        "the kernel's limit on a whole run's memory",
        "each process has a limit, their sum is sampled 20 times a second",
        _CGROUPS,
    ),
    "control group: processes": ("the kernel's limit on a run's processes", "counted per user instead", _CGROUPS),
    "control group: kill": (
        "ends a run in one stroke, however it forks",
        "the pid namespace, a signal domain, the own user or a sweep does it",
        f"{_CGROUPS}; a kernel from 5.14 on",
    ),
}


def survey() -> list[Part]:
    """Every part, tried in a throw-away process. Raises GraderError where even that can't be started."""
    groups = ControlGroups.find()
    found = _survey_of_the_kernel() | {
        "control group: memory": "" if groups.can("memory") else groups.missing,
        "control group: processes": "" if groups.can("tasks") else "no pids controller can be used here",
        "control group: kill": "" if groups.can("end") else "no version 2 group can be made here",
    }
    return [Part(name, *facts, problem=found.get(name, "it was not tried")) for name, facts in _FACTS.items()]


def _survey_of_the_kernel() -> dict[str, str]:
    root = str(Path(__file__).resolve().parent.parent)
    code = f"import sys; sys.path.insert(0, {root!r}); from grader.inside import survey; survey.main()"
    try:
        done = subprocess.run(
            [sys.executable, "-s", "-P", "-B", "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SURVEY_SECONDS,
            check=True,
        )
        found: dict[str, str] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise GraderError(f"the machine could not be examined: {error}") from None
    return found


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU of this machine, and what came of a second's work in float64 on it."""

    device: str  # cuda:N
    name: str
    memory_bytes: int
    free_bytes: int
    is_split: bool  # by MIG
    teraflops: float | None
    problem: str  # "" where the work gave what the processor gives


@dataclass(frozen=True, slots=True)
class Devices:
    torch: str
    cuda: str | None  # that torch is built with
    driver: Mapping[str, str]  # its version, and the newest CUDA that it runs; empty without one
    shares_by_server: bool  # MPS
    why_none: str  # "" where there are GPUs
    gpus: Sequence[Device]
    why_no_runs: str  # "" where submissions may use none anyway, or can use one
    starts_without: Sequence[str]  # layers, any of which keeps CUDA from starting in the confinement


def devices(rubric: Rubric, bench: Bench) -> Devices:
    """What could evaluate, whether it computes as it must, and what keeps submissions from it."""
    import torch  # which takes seconds, and no other command needs it from here

    found = cards.found()
    return Devices(
        torch.__version__,
        torch.version.cuda,
        cards.driver(),
        cards.shares_by_server(),
        "" if found else cards.why_none(),
        [_device(card) for card in found],
        bench.why_no_gpu,
        obstacles(rubric, found[:1]) if bench.why_no_gpu else (),
    )


def obstacles(rubric: Rubric, found: Sequence[Card]) -> list[str]:
    """The layers of the confinement of which each alone keeps CUDA from starting in it."""
    from grader.sandbox import Sandbox

    starts: list[str] = []
    for layer in LAYERS:
        if layer != "namespaces":  # without which no run gets a GPU anyway
            with suppress(GraderError), Sandbox(rubric, forbidden=(), without=(layer,), cards=found):
                starts.append(layer)
    return starts


def _device(card: Card) -> Device:
    from grader import device

    teraflops, problem, free = None, "", 0
    try:
        free = cards.free_bytes(card)
        found = device.prove(device.Place.on(card))
        teraflops = found["flops"] / 1e12
        problem = "" if found["holds"] else f"a product in float64 is {found['difference']:.0e} from the processor's"
    except GraderError as error:
        problem = str(error)
    return Device(str(card), card.name, card.memory_bytes, free, card.is_split, teraflops, problem)


def how_a_run_is_ended(isolation: Isolation, parts: Sequence[Part]) -> str:
    """By the strongest means at hand."""
    works = {part.name for part in parts if part.works}
    means = [
        ("the kernel, with its pid namespace", "namespaces" in isolation.layers),
        ("kill(-1) in a Landlock signal domain", "landlock" in isolation.layers and "Landlock scopes" in works),
        ("kill(-1) by its own user", any(layer.startswith("own user") for layer in isolation.layers)),
        ("a sweep over its descendants", True),
    ]
    first = next(name for name, at_hand in means if at_hand)
    return f"{first}, and cgroup.kill" if "control group: kill" in works and isolation.layers else first


_CONTROLS = {
    "unpruned": "def prune(model):\n    return model\n",
    "all zero": "def prune(model):\n    for parameter in model.parameters():\n        parameter.data.zero_()\n    return model\n",
}


def controls(bench: Bench) -> dict[str, Graded]:
    """The reference, and models that are worth nothing, each run and scored like any submission."""
    found = {"reference": grade_reference(bench)}
    with tempfile.TemporaryDirectory(prefix="prunegrade-") as folder:
        for name, source in _CONTROLS.items():
            path = Path(folder, f"{name}.py")
            path.write_text(source)
            found[name] = pipeline.grade(Upload(name, path.name, str(path), path), bench)
    return found


def is_sound(controls: Mapping[str, Report]) -> bool:
    """Whether the reference is graded and beats every model that is worth nothing, as any rubric must have it."""
    reference, *worthless = controls.values()
    return all(one.verdict == "graded" for one in controls.values()) and all(
        (one.points or 0.0) < (reference.points or 0.0) for one in worthless
    )


def to_json(
    isolation: Isolation,
    parts: Sequence[Part],
    environment: Mapping[str, str],
    missing_packages: Sequence[str],
    controls: Mapping[str, Report],
    devices: Devices,
) -> str:
    found = {
        "isolation": {**asdict(isolation), "guards_hidden_data": isolation.guards_hidden_data},
        "ended_by": how_a_run_is_ended(isolation, parts),
        "parts": [{**asdict(part), "works": part.works} for part in parts],
        "devices": asdict(devices),
        "environment": dict(environment),
        "missing_packages": list(missing_packages),
        "controls": {
            name: {"verdict": one.verdict, "points": one.points, "message": one.message} for name, one in controls.items()
        },
        "sound": is_sound(controls),
    }
    return json.dumps(found, indent=2) + "\n"
