"""Spreads the runs of a batch over the nodes of a Ray cluster: the same pipeline and ledger here, the same bench there.

Theory of operation. The keeper stays where it is: it holds the secret, reads submissions, looks into its ledger and
writes every outcome into it. On each node one actor, the :mod:`grader.outpost`, opens a bench of its own, and takes as
many runs at a time as it was given CPUs. A run goes to whichever node has a slot free; one that is lost with its node
goes to another. So all that a node ever returns is the outcome of one run, and a lost one costs nobody anything.

Ray keeps what it carries in shared memory, spills it to disks, and lets anybody read that who may run code on a node.
Everything but public keys is therefore sealed before Ray sees it, see :mod:`grader.seal`.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader import batch, parcels, task
from grader.errors import GraderError, UsageError
from grader.outpost import Outpost
from grader.parcels import JOB, OFFER, OUTCOME, Job, Offer
from grader.pipeline import ATTEMPTS, Conditions, Store, owed
from grader.records import Outcome, Submission, Upload
from grader.rubric import Rubric
from grader.seal import Handshake, Seal
from grader.task import Instance

ray: Any = None  # the package, once it is needed: it takes a second to import

LOCAL = "local"
OPEN_SECONDS = 180.0  # for an outpost: Ray finds the CPUs, starts a process, which imports torch and proves its confinement
_HEAD_SECONDS = 15.0  # without a word from the head; Ray ends the whole process after 60
_LATE = 13  # times the wall limit after which a node that has not answered is taken as lost: it makes up to three attempts
_REVIVALS = 2  # of an outpost that ended while its node lives
_PAUSE_SECONDS = 0.5  # between looks at whether all is over

Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Node:
    """What Ray says of a machine that belongs to the cluster."""

    id: str
    name: str
    cpus: int
    gpus: int
    sockets: tuple[str, ...]  # and the session's folder, whose objects no submission may reach


@dataclass(frozen=True, slots=True)
class Letter:
    """What makes an outpost ready, the same for all nodes but for the job's paths."""

    seal: Seal
    key: bytes  # of the seal
    job: Job
    instances: tuple[Any, ...]  # references to sealed instances in Ray's object store


class _LostError(Exception):
    """An outpost or its node is gone, or does not answer."""


class Post:
    """One node's outpost, as the keeper sees it."""

    def __init__(self, node: Node, slots: int, *, gpu: bool) -> None:
        self.node, self.slots = node, slots
        self.revivals = 0
        self._resources = {"num_cpus": slots, "num_gpus": 1 if gpu else 0}
        self._actor: Any = None

    def open(self, letter: Letter) -> Offer:
        """Start an outpost on the node. Raises GraderError with the reason where there is none afterwards."""
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(self.node.id, soft=False)
        self._actor = (
            ray.remote(Outpost)
            .options(**self._resources, scheduling_strategy=here, max_concurrency=self.slots + 1, max_restarts=0)
            .remote()
        )
        handshake = Handshake()
        job = replace(letter.job, forbidden=(*letter.job.forbidden, *self.node.sockets))
        try:
            theirs = self._ask("greet", OPEN_SECONDS)
            key = handshake.agree(theirs).close(letter.key, "key")
            job_bytes = letter.seal.close(JOB.dump_json(job), "job")
            sealed = self._ask("open", OPEN_SECONDS, handshake.public, key, job_bytes, *letter.instances)
        except _LostError as lost:
            self.end()
            raise GraderError(str(lost)) from None
        offer = OFFER.validate_json(letter.seal.open(sealed, "offer"))
        if offer.problem:
            self.end()
            raise GraderError(offer.problem)
        return offer

    def run(self, parcel: bytes, seconds: float) -> bytes:
        return self._ask("run", seconds, parcel)

    def _ask(self, method: str, seconds: float, *arguments: Any) -> bytes:
        try:
            answer: bytes = ray.get(getattr(self._actor, method).remote(*arguments), timeout=seconds)
        except ray.exceptions.RayTaskError as error:
            raise GraderError(f"{self.node.name}: {_reason(error.cause or error)}") from None
        except ray.exceptions.GetTimeoutError:
            raise _LostError(_silence(method, seconds)) from None
        except ray.exceptions.RayError as error:
            raise _LostError(_reason(error)) from None
        return answer

    def ask_to_close(self) -> Any:
        with suppress(Exception):
            return self._actor.close.remote()

    def end(self) -> None:
        with suppress(Exception):
            ray.kill(self._actor)


def _silence(method: str, seconds: float) -> str:
    if method == "greet":
        return f"Ray could not start a process there within {seconds:.0f} s; are its CPUs or GPUs taken by others?"
    return f"it has not answered for {seconds:.0f} s"


def _reason(error: BaseException) -> str:
    """Ray's own words, which run over many lines, down to the one that matters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "Error: " in line] or [line for line in lines if "because" in line] or lines
    return telling[-1 if "Error: " in telling[0] else 0] if telling else type(error).__name__


class Crew:
    """The outposts of a cluster as one :class:`grader.pipeline.Runner`."""

    def __init__(self, posts: Mapping[Post, Offer], letter: Letter, conditions: Conditions, notice: Notice) -> None:
        self.conditions = conditions
        self.store: Store | None = None
        self.environment: Mapping[str, str] = next(iter(posts.values())).environment
        self.slots = sum(post.slots for post in posts)
        self._letter, self._notice = letter, notice
        self._expected = dict(conditions.circumstances)
        self._seconds = letter.job.rubric.limits.wall_seconds * _LATE + OPEN_SECONDS
        self._lock = threading.Lock()
        self._living = set(posts)  # those that are being revived too
        self._generations = dict.fromkeys(posts, 0)
        self._over = ""  # why nothing can be run any more
        self._free: queue.SimpleQueue[tuple[Post, int]] = queue.SimpleQueue()
        self._ended = threading.Event()
        for _ in range(max(post.slots for post in posts)):  # in turns, so that few runs are spread over all
            for post in posts:
                if self._free.qsize() < self.slots:
                    self._free.put((post, 0))
        self._watch = threading.Thread(target=self._watch_head, args=(_head(),), name="head", daemon=True)
        self._watch.start()

    def run(self, upload: Upload, submission: Submission, instance: str) -> Outcome:
        parcel = self._letter.seal.close(parcels.of_run(upload, submission, instance), "run")
        for attempt in range(1, ATTEMPTS + 1):
            post, generation = self._take()
            try:
                sealed = post.run(parcel, self._seconds)
                outcome = OUTCOME.validate_json(self._letter.seal.open(sealed, "outcome"))
            except _LostError as lost:
                self._lose(post, generation, str(lost))
                problem: Exception = GraderError(f"{attempt} nodes were lost while they ran it, the last one since: {lost}")
            except GraderError as error:
                self._free.put((post, generation))
                problem = error
            else:
                self._free.put((post, generation))
                return outcome
        return owed(instance, problem)

    def close(self) -> None:
        if self._over:
            return
        self._stop("the batch was stopped")
        closing = [asked for post in list(self._living) if (asked := post.ask_to_close())]
        with suppress(Exception):
            ray.wait(closing, num_returns=len(closing), timeout=5)
        for post in list(self._living):
            post.end()

    def _take(self) -> tuple[Post, int]:
        """A free slot; waits for one. Raises GraderError where there will be none."""
        while not self._over:
            with suppress(queue.Empty):
                post, generation = self._free.get(timeout=_PAUSE_SECONDS)
                if generation == self._generations[post]:
                    return post, generation
        raise GraderError(self._over)

    def _lose(self, post: Post, generation: int, why: str) -> None:
        """Its slots are void from now on. Meanwhile somebody tries to get it back, and the runs go elsewhere."""
        with self._lock:
            if self._over or generation != self._generations[post]:
                return
            self._generations[post] += 1
        threading.Thread(target=self._revive, args=(post, why), name="revive", daemon=True).start()

    def _revive(self, post: Post, why: str) -> None:
        post.end()
        try:
            if post.revivals >= _REVIVALS or not _is_alive(post.node):
                raise GraderError(why)
            post.revivals += 1
            if problem := difference(post.open(self._letter).circumstances, self._expected):
                raise GraderError(problem)
        except Exception as gone:
            with self._lock:
                self._living.discard(post)
            self._notice(f"{post.node.name} is lost ({_reason(gone)}); its work goes to the other nodes")
            if not self._living:
                self._stop("all nodes of the cluster were lost; what was graded is safe, and the same command goes on from there")
            return
        for _ in range(post.slots):
            self._free.put((post, self._generations[post]))

    def _stop(self, why: str) -> None:
        with self._lock:
            self._over = self._over or why
        self._ended.set()

    def _watch_head(self, address: tuple[str, int]) -> None:
        """Notice the head's end before Ray does, which would end this process without a word for the user."""
        seen = time.monotonic()
        while not self._ended.wait(2.0):
            if _answers(address):
                seen = time.monotonic()
            elif time.monotonic() - seen > _HEAD_SECONDS:
                self._stop(
                    "the head of the Ray cluster was lost; what was graded is safe, and the same command goes on from there"
                )
                for post in list(self._living):
                    post.end()  # the calls that wait for an answer end with it


@contextmanager
def open_crew(
    rubric: Rubric,
    instances: Sequence[Instance],
    *,
    address: str,
    workers: int | None,
    isolation: str,
    device: str,
    forbidden: tuple[Path, ...],
    store: Store | None = None,
    notice: Notice = lambda sentence: None,
) -> Iterator[Crew]:
    """An outpost on every node of the cluster at ``address`` that grades under the same conditions.

    ``workers``: runs at a time on one node at most. ``isolation``: what is less than strict elsewhere is strict here, since a
    submission that may open sockets could have Ray run its code outside. ``notice`` gets a sentence for each node that is
    refused or lost. Raises UsageError where there is no such cluster, or no node of it can grade.
    """
    if isolation == "none":
        raise UsageError("--isolation none with --ray: unconfined code could use the cluster itself; leave one of them out")
    if device.startswith("cuda:"):
        raise UsageError(f"--device {device} names one machine's card; use cuda with --ray, and Ray chooses")
    load(address)
    with _connected(address, workers):
        kind = _device_kind(device)
        seal, key = Seal.of_new_key()
        job = Job(rubric, kind, tuple(str(path.absolute()) for path in forbidden))
        sealed = tuple(ray.put(seal.close(task.packed(instance), "instance")) for instance in instances)
        letter = Letter(seal, key, job, sealed)
        offers, refused = _opened(letter, workers)
        chosen = _alike(offers, refused, rubric, kind)
        for name, reason in refused.items():
            notice(f"{name} is refused: {reason}")
        if not chosen:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in refused.items()) or "it offers no CPUs"
            raise UsageError(f"--ray {address}: no node of the cluster can grade ({reasons})")
        offer = next(iter(chosen.values()))
        digests = {instance.name: instance.digest for instance in instances}
        crew = Crew(chosen, letter, Conditions(digests, offer.circumstances, offer.isolation), notice)
        crew.store = store
        try:
            yield crew
        finally:
            crew.close()


def difference(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """What a node has that is not as it must be, or nothing."""
    for name, value in expected.items():
        if isinstance(value, Mapping) and isinstance(found.get(name), Mapping):
            if inner := difference(found[name], value):
                return inner
        elif found.get(name) != value:
            return f"its {name} is {found.get(name) or 'missing'}, expected {value or 'none'}"
    return ""


# --- opening ----------------------------------------------------------------------------------------------------------


def _opened(letter: Letter, workers: int | None) -> tuple[dict[Post, Offer], dict[str, str]]:
    """Outposts on all nodes at once, and by their names those nodes that have none, with the reason."""
    posts, refused = [], {}
    gpu = letter.job.device == "cuda"
    for node in _nodes():
        if gpu and not node.gpus:
            refused[node.name] = "it offers no GPU, and the device is cuda"
        elif node.cpus:  # a head that is to manage alone offers none
            posts.append(Post(node, min(node.cpus, workers or node.cpus), gpu=gpu))

    def opened(post: Post) -> Offer | str:
        try:
            return post.open(letter)
        except GraderError as problem:
            return str(problem)

    offers = {}
    with ThreadPoolExecutor(max(1, min(64, len(posts)))) as pool:
        for post, offer in zip(posts, pool.map(opened, posts), strict=True):
            if isinstance(offer, Offer):
                offers[post] = offer
            else:
                refused[post.node.name] = offer
    return offers, refused


def _alike(offers: Mapping[Post, Offer], refused: dict[str, str], rubric: Rubric, device: str) -> dict[Post, Offer]:
    """Those that grade under the keeper's versions and at the level that most slots have; adds the others to ``refused``."""
    levels = Counter[str]()
    for post, offer in offers.items():
        levels[offer.isolation.level] += post.slots
    level = max(levels, key=lambda name: (levels[name], name), default="")
    expected = json.loads(json.dumps(batch.circumstances(rubric, level, device)))  # as it comes back from a node
    chosen = {}
    for post, offer in offers.items():
        if problem := difference(offer.circumstances, expected):
            refused[post.node.name] = problem
            post.end()
        else:
            chosen[post] = offer
    return chosen


def _device_kind(device: str) -> str:
    """cpu or cuda; a GPU where the cluster has one and nobody says otherwise."""
    return ("cuda" if ray.cluster_resources().get("GPU") else "cpu") if device == "auto" else device


def _nodes() -> list[Node]:
    found = []
    for node in ray.nodes():
        if node["Alive"]:
            has, sockets = node["Resources"], (node["ObjectStoreSocketName"], node["RayletSocketName"])
            folders = {str(Path(path).parent.parent) for path in sockets}
            name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}, {node['NodeID'][:8]})"
            found.append(Node(node["NodeID"], name, int(has.get("CPU", 0)), int(has.get("GPU", 0)), (*sorted(folders), *sockets)))
    return found


def _is_alive(node: Node) -> bool:
    return any(other["Alive"] for other in ray.nodes() if other["NodeID"] == node.id)


# --- Ray itself -------------------------------------------------------------------------------------------------------


def load(address: str) -> None:
    """Import Ray, which reads its settings only then. Raises ImportError where it is not installed."""
    global ray
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if address == LOCAL and ray is None:
        # Ray listens to the whole network; without the token nobody but this batch is let in.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    import ray as package

    ray = package


@contextmanager
def _connected(address: str, workers: int | None) -> Iterator[None]:
    """Ray, joined or started on this machine alone, and left again."""
    quiet = {"log_to_driver": False, "configure_logging": False}
    with _folder() as folder:
        try:
            with _own_signals(), _hushed():
                if address == LOCAL:
                    cpus = workers or len(os.sched_getaffinity(0))
                    ray.init("local", num_cpus=cpus, include_dashboard=False, _temp_dir=folder, **quiet)
                else:
                    _check(address)
                    ray.init(address, **quiet)
        except UsageError:
            raise
        except (Exception, SystemExit) as error:
            ray.shutdown()
            raise UsageError(f"--ray {address}: {_why_not_joined(error)}") from None
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself when it starts; how this program ends is not its business."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


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
        shutil.rmtree(folder, ignore_errors=True)


def _check(address: str) -> None:
    """Ray itself waits long for what is not there, and says much."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise UsageError(f"--ray {address}: expected HOST:PORT of a Ray cluster's head, auto, or local")
    if not _answers((host.strip("[]"), int(port))):
        raise UsageError(f"--ray {address}: nothing answers there; expected the head of a Ray cluster ('ray start --head')")


def _head() -> tuple[str, int]:
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    return host.strip("[]"), int(port)


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=3).close()
    except OSError:
        return False
    return True


def _why_not_joined(error: BaseException) -> str:
    reason = _reason(error).partition(" Note: ")[0]
    return f"Ray {ray.__version__} can't be used: {reason[:300]}; this machine must be one of the cluster's nodes"
