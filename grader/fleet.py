"""The machines of a Ray cluster, and how a deputy is started on one of them: the only module that knows Ray."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import GraderError, UsageError

ray: Any = None  # the package, once it is needed: it takes a second to import

LOCAL = "local"
OPEN_SECONDS = 180.0  # for a deputy: Ray finds the CPUs, starts a process, which imports torch and proves its confinement


@dataclass(frozen=True, slots=True)
class Node:
    """What Ray says of a machine that belongs to the cluster."""

    id: str
    name: str
    cpus: int
    gpus: int
    sockets: tuple[str, ...]  # and the session's folder, whose objects no submission may reach


class LostError(Exception):
    """An outpost or its node is gone, or does not answer."""


def device_kind(device: str) -> str:
    """cpu or cuda; a GPU where the cluster has one and nobody says otherwise."""
    return ("cuda" if ray.cluster_resources().get("GPU") else "cpu") if device == "auto" else device


def nodes() -> list[Node]:
    found = []
    for node in ray.nodes():
        if node["Alive"]:
            has, sockets = node["Resources"], (node["ObjectStoreSocketName"], node["RayletSocketName"])
            folders = {str(Path(path).parent.parent) for path in sockets}
            name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}, {node['NodeID'][:8]})"
            found.append(Node(node["NodeID"], name, int(has.get("CPU", 0)), int(has.get("GPU", 0)), (*sorted(folders), *sockets)))
    return found


def is_alive(node: Node) -> bool:
    return any(other["Alive"] for other in ray.nodes() if other["NodeID"] == node.id)


class Deputy:
    """An object of a class of ours in a process of its own on a node."""

    def __init__(self, kind: type, node: Node, cpus: int, *, gpu: bool) -> None:
        self._name = node.name
        there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node.id, soft=False)
        options = {"num_cpus": cpus, "num_gpus": int(gpu), "max_concurrency": cpus + 1, "max_restarts": 0}
        self._actor = ray.remote(kind).options(scheduling_strategy=there, **options).remote()

    def ask(self, method: str, seconds: float, *arguments: Any) -> bytes:
        """Raises LostError where no answer can come any more, GraderError where the answer is an exception."""
        try:
            answer: bytes = ray.get(getattr(self._actor, method).remote(*arguments), timeout=seconds)
        except ray.exceptions.RayTaskError as error:
            raise GraderError(f"{self._name}: {reason(error.cause or error)}") from None
        except ray.exceptions.GetTimeoutError:
            raise LostError(_silence(method, seconds)) from None
        except ray.exceptions.RayError as error:
            raise LostError(reason(error)) from None
        return answer

    def end(self) -> None:
        with suppress(Exception):
            ray.kill(self._actor)


def close_all(deputies: Sequence[Deputy], seconds: float) -> None:
    """Have all close at once, and end them when they have, or when that takes too long."""
    with suppress(Exception):
        closing = [deputy._actor.close.remote() for deputy in deputies]
        ray.wait(closing, num_returns=len(closing), timeout=seconds)
    for deputy in deputies:
        deputy.end()


def share(content: bytes) -> Any:
    """A reference by which every node may get these bytes. They lie in shared memory, or on disks: they must be sealed."""
    return ray.put(content)


def _silence(method: str, seconds: float) -> str:
    if method == "greet":
        return f"Ray could not start a process there within {seconds:.0f} s; are its CPUs or GPUs taken by others?"
    return f"it has not answered for {seconds:.0f} s"


def reason(error: BaseException) -> str:
    """Ray's own words, which run over many lines, down to the one that matters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "Error: " in line] or [line for line in lines if "because" in line] or lines
    return telling[-1 if "Error: " in telling[0] else 0] if telling else type(error).__name__


# --- joining and leaving ----------------------------------------------------------------------------------------------


def load(address: str) -> None:
    """Import Ray, which reads its settings only then. Raises ImportError where it is not installed."""
    global ray
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if address == LOCAL and ray is None:
        # Ray listens to the whole network; without the token nobody but this batch is let in.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        os.environ.setdefault("RAY_worker_niceness", "0")  # else 15: submissions have their own, see inside.confine
    import ray as package

    ray = package


@contextmanager
def joined(address: str, workers: int | None) -> Iterator[None]:
    """Ray, joined or started on this machine alone, and left again."""
    with _folder() if address == LOCAL else nullcontext("") as folder:
        try:
            with _own_signals(), _hushed():
                _join(address, folder, workers)
            yield
        finally:
            ray.shutdown()


def _join(address: str, folder: str, workers: int | None) -> None:
    quiet = {"log_to_driver": False, "configure_logging": False}
    if address != LOCAL:
        _check(address)
    try:
        if address == LOCAL:
            cpus = workers or len(os.sched_getaffinity(0))
            ray.init("local", num_cpus=cpus, include_dashboard=False, _temp_dir=folder, **quiet)
        else:
            ray.init(address, **quiet)
    except (Exception, SystemExit) as error:
        raise UsageError(f"--ray {address}: {_why_not_joined(error)}") from None


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself when it starts; how this program ends is not its business."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action or signal.SIG_DFL)


@contextmanager
def _hushed() -> Iterator[None]:
    """What Ray's own threads write to stderr while it starts, over and over, comes as an exception as well."""
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


@contextmanager
def _folder() -> Iterator[str]:
    """For a Ray of this batch alone: nobody else's, gone afterwards, and of a name that leaves room for those of sockets."""
    place = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="prunegrade-ray-", dir=place if len(place) <= 16 else "/tmp")
    try:
        yield folder
    finally:
        for _ in range(100):  # the last of Ray's processes may still be writing their logs
            shutil.rmtree(folder, ignore_errors=True)
            if not os.path.exists(folder):
                break
            time.sleep(0.1)


def _check(address: str) -> None:
    """Ray itself waits long for what is not there, and says much."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise UsageError(f"--ray {address}: expected HOST:PORT of a Ray cluster's head, auto, or local")
    if not answers((host.strip("[]"), int(port))):
        raise UsageError(f"--ray {address}: nothing answers there; expected the head of a Ray cluster ('ray start --head')")


def head() -> tuple[str, int]:
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    return host.strip("[]"), int(port)


def answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=3).close()
    except OSError:
        return False
    return True


def _why_not_joined(error: BaseException) -> str:
    words = reason(error).partition(" Note: ")[0]
    return f"Ray {ray.__version__} can't be used: {words[:300]}; this machine must be one of the cluster's nodes"
