"""Schedules submissions over several workers: each takes the whole path of ``pipeline.grade``."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace

from grader.pipeline import Bench, Runner, grade
from grader.records import Graded, Upload


def grade_all(uploads: Iterable[Upload], bench: Runner, *, workers: int, fresh: bool) -> Generator[Graded, None, None]:
    """Grade all, and yield each as soon as it is done, whoever finishes first; none of them is held on to.

    ``workers`` submissions run at a time, and another one may be evaluated meanwhile. A GraderError (the disk is full, say),
    Ctrl-C or closing the iterator stops the batch; what the store has by then stays.
    """
    threads = workers
    if isinstance(bench, Bench):  # here evaluation is this process's own work, and may go on beside the next run
        workers = min(workers, bench.sandbox.room or workers)
        bench, threads = replace(bench, turn=bench.evaluator.turn(workers)), workers + bench.evaluator.backlog
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="worker") as pool:
        waiting = iter(_by_submission(uploads))
        running: set[Future[list[Graded]]] = set()
        try:
            while True:
                while len(running) < threads and (same := next(waiting, None)):
                    running.add(pool.submit(_grade_same, same, bench, fresh=fresh))
                if not running:
                    break
                # Woken twice a second: a signal that came just before the wait is handled only after it.
                done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                while done:
                    yield from done.pop().result()
        except BaseException:
            bench.close()  # ends the runs in flight, which the pool would otherwise wait for
            raise


def _by_submission(uploads: Iterable[Upload]) -> list[list[Upload]]:
    """The submissions, each with everybody who handed it in: a group's stands for all its members."""
    places: dict[tuple[object, ...], list[Upload]] = {}
    for upload in uploads:
        who = None if upload.handed_in else upload.student
        places.setdefault((upload.path, upload.parts, who, *upload.parameters.items()), []).append(upload)
    return list(places.values())


def _grade_same(uploads: Sequence[Upload], bench: Runner, *, fresh: bool) -> list[Graded]:
    """One submission is run once; the others who handed it in get what the store has by then."""
    first = grade(uploads[0], bench, fresh=fresh)
    return [first, *(grade(upload, bench) for upload in uploads[1:])]
