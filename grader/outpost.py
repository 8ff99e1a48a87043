"""The keeper's deputy on one node of a cluster: a bench of its own, with its own nursery and isolation probe.

It gets instances and submissions as sealed bytes and gives outcomes back as such. In clear they are in this process's own
memory alone: not in Ray's object store, on a disk, or in an argument.
"""

from __future__ import annotations

import resource
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from grader import parcels, task
from grader.errors import GraderError, UsageError
from grader.opening import open_bench
from grader.parcels import JOB, OFFER, OUTCOME, Job, Offer
from grader.pipeline import Bench, owed
from grader.records import Isolation
from grader.seal import Handshake, Seal


class Outpost:
    """One on each node. Methods may be called from several threads once ``open`` has returned."""

    def __init__(self) -> None:
        self._handshake = Handshake()
        self._seal: Seal
        self._bench: Bench
        self._opened = ExitStack()

    def greet(self) -> bytes:
        """The public half of this node's key."""
        return bytes(self._handshake.public)

    def open(self, theirs: bytes, key: bytes, job: bytes, *instances: bytes) -> bytes:
        """``key`` is the batch's, sealed for this node; the rest is sealed by it. Returns a sealed Offer."""
        with suppress(ValueError, OSError):
            resource.setrlimit(
                resource.RLIMIT_CORE, (1, 1)
            )  # no core file of this memory; 0 would allow a pipe to a crash handler
        self._seal = Seal(self._handshake.agree(theirs).open(key, "key"))
        wanted = JOB.validate_json(self._seal.open(job, "job"))
        try:
            offer = self._open(wanted, [self._seal.open(instance, "instance") for instance in instances])
        except (UsageError, GraderError) as problem:
            offer = Offer({}, Isolation("L0", ()), {}, str(problem))
        return self._seal.close(OFFER.dump_json(offer), "offer")

    def _open(self, job: Job, instances: Sequence[bytes]) -> Offer:
        opening = open_bench(
            job.rubric,
            [task.unpacked(instance) for instance in instances],
            isolation="strict",  # whoever could open sockets here could have Ray run code for them
            device=job.device,
            forbidden=tuple(map(Path, job.forbidden)),
        )
        self._bench = bench = self._opened.enter_context(opening)
        return Offer(dict(bench.conditions.circumstances), bench.conditions.isolation, dict(bench.environment))

    def run(self, parcel: bytes) -> bytes:
        """One run on one instance. Returns a sealed Outcome, of a failure of the grader's own as well."""
        upload, submission, instance = parcels.run_of(self._seal.open(parcel, "run"))
        try:
            outcome = self._bench.run(upload, submission, instance)
        except Exception as ours:
            outcome = owed(instance, ours)
        return self._seal.close(OUTCOME.dump_json(outcome), "outcome")

    def close(self) -> None:
        """End the runs in flight, and the nursery."""
        self._opened.close()
