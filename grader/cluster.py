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
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader import fleet, opening, parcels, task
from grader.errors import GraderError, UsageError
from grader.fleet import OPEN_SECONDS, Deputy, LostError, Node
from grader.outpost import Outpost
from grader.parcels import JOB, OFFER, OUTCOME, Job, Offer
from grader.pipeline import ATTEMPTS, Conditions, Store, owed
from grader.records import Outcome, Submission, Upload
from grader.rubric import Rubric
from grader.seal import Handshake, Seal
from grader.task import Instance

_HEAD_SECONDS = 15.0  # without a word from the head; Ray ends the whole process after 60
_LATE = 13  # times the wall limit after which a node that has not answered is taken as lost: it makes up to three attempts
_REVIVALS = 2  # of an outpost that ended while its node lives
_PAUSE_SECONDS = 0.5  # between looks at whether all is over

Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Letter:
    """What makes an outpost ready, the same for all nodes but for the job's paths."""

    seal: Seal
    key: bytes  # of the seal
    job: Job
    instances: tuple[Any, ...]  # references to sealed instances in Ray's object store


class Post:
    """One node's outpost, as the keeper sees it."""

    def __init__(self, node: Node, slots: int, *, gpu: bool) -> None:
        self.node, self.slots, self._gpu = node, slots, gpu
        self.revivals = 0
        self.deputy: Deputy

    def open(self, letter: Letter) -> Offer:
        """Start an outpost on the node. Raises GraderError with the reason where there is none afterwards."""
        self.deputy = Deputy(Outpost, self.node, self.slots, gpu=self._gpu)
        handshake = Handshake()
        job = replace(letter.job, forbidden=(*letter.job.forbidden, *self.node.sockets))
        try:
            key = handshake.agree(self.deputy.ask("greet", OPEN_SECONDS)).close(letter.key, "key")
            sealed_job = letter.seal.close(JOB.dump_json(job), "job")
            sealed = self.deputy.ask("open", OPEN_SECONDS, handshake.public, key, sealed_job, *letter.instances)
        except LostError as lost:
            self.deputy.end()
            raise GraderError(str(lost)) from None
        offer = OFFER.validate_json(letter.seal.open(sealed, "offer"))
        if offer.problem:
            self.deputy.end()
            raise GraderError(offer.problem)
        return offer


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
        self._watch = threading.Thread(target=self._watch_head, args=(fleet.head(),), name="head", daemon=True)
        self._watch.start()

    def run(self, upload: Upload, submission: Submission, instance: str) -> Outcome:
        parcel = self._letter.seal.close(parcels.of_run(upload, submission, instance), "run")
        for attempt in range(1, ATTEMPTS + 1):
            post, generation = self._take()
            try:
                sealed = post.deputy.ask("run", self._seconds, parcel)
                outcome = OUTCOME.validate_json(self._letter.seal.open(sealed, "outcome"))
            except LostError as lost:
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
        fleet.close_all([post.deputy for post in list(self._living)], seconds=5)

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
        post.deputy.end()
        try:
            if post.revivals >= _REVIVALS or not fleet.is_alive(post.node):
                raise GraderError(why)
            post.revivals += 1
            if problem := difference(post.open(self._letter).circumstances, self._expected):
                raise GraderError(problem)
        except Exception as gone:
            with self._lock:
                self._living.discard(post)
            self._notice(f"{post.node.name} is lost ({fleet.reason(gone)}); its work goes to the other nodes")
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
            if fleet.answers(address):
                seen = time.monotonic()
            elif time.monotonic() - seen > _HEAD_SECONDS:
                self._stop(
                    "the head of the Ray cluster was lost; what was graded is safe, and the same command goes on from there"
                )
                for post in list(self._living):
                    post.deputy.end()  # the calls that wait for an answer end with it


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
    fleet.load(address)
    with fleet.joined(address, workers):
        kind = fleet.device_kind(device)
        seal, key = Seal.of_new_key()
        job = Job(rubric, kind, tuple(str(path.absolute()) for path in forbidden))
        sealed = tuple(fleet.share(seal.close(task.packed(instance), "instance")) for instance in instances)
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
    for node in fleet.nodes():
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
    circumstances = opening.circumstances(rubric, level, device, runs_on=device if rubric.allow.gpu else "cpu")
    expected = json.loads(json.dumps(circumstances))  # as it comes back from a node
    chosen = {}
    for post, offer in offers.items():
        if problem := difference(offer.circumstances, expected):
            refused[post.node.name] = problem
            post.deputy.end()
        else:
            chosen[post] = offer
    return chosen
