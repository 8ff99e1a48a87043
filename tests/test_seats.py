"""Which run has which GPU, with a driver's figures that the test makes up; test_gpu.py has real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest

from grader import seats
from grader.cards import Card
from grader.errors import GraderError, NoGpuError
from grader.seats import CONTEXT_BYTES, MIB, Look, Seats

GIB = 1 << 30
ONE = Card(0, "GPU-1", "One", "/dev/nvidia0", "", 24 * GIB)
TWO = Card(1, "GPU-2", "Two", "/dev/nvidia1", "", 8 * GIB)
LIMIT = 4 * GIB


class Figures(Look):
    """What a driver would say."""

    def __init__(self) -> None:
        self.used = {ONE: 300 * MIB, TWO: 100 * MIB, replace(ONE, is_exclusive=True): 0}
        self.by_process: dict[int, int] = {}

    def used_bytes(self, card: Card) -> int:
        return self.used[card]

    def users(self, card: Card) -> dict[int, int]:
        return self.by_process


@pytest.fixture
def figures() -> Figures:
    return Figures()


def test_a_gpu_has_as_many_runs_as_it_has_room_for(figures: Figures) -> None:
    assert Seats([ONE], LIMIT, look=figures).count == 4  # of 4.75 GiB each
    assert Seats([ONE, TWO], LIMIT, look=figures).count == 5
    assert Seats([ONE], GIB, look=figures).count == 4  # as many as don't wait too long for each other
    assert Seats([replace(ONE, is_exclusive=True)], LIMIT, look=figures).count == 1
    figures.used[TWO] = 6 * GIB
    with pytest.raises(NoGpuError, match="^cuda:1 has 2,048 MiB free, and a run may need 4,864 MiB "):
        Seats([TWO], LIMIT, look=figures)


def test_runs_are_spread_and_wait_for_a_seat(figures: Figures) -> None:
    both = Seats([ONE, TWO], LIMIT, look=figures)
    with ExitStack() as taken, ThreadPoolExecutor(1) as threads:
        first = [taken.enter_context(both.one()).card for _ in range(both.count)]
        assert first[:2] in ([ONE, TWO], [TWO, ONE]) and first.count(ONE) == 4
        came = threading.Event()

        def sit() -> None:
            with both.one():
                came.set()

        waiting = threads.submit(sit)
        assert not came.wait(0.2)
        taken.close()
        waiting.result(timeout=10)


def test_the_next_run_waits_until_nothing_is_left_of_the_last(figures: Figures) -> None:
    one = Seats([ONE], LIMIT, look=figures)
    figures.used[ONE] += 2 * GIB

    def clean() -> None:
        time.sleep(0.3)
        figures.used[ONE] -= 2 * GIB

    cleaner = threading.Thread(target=clean)
    cleaner.start()
    with one.one() as seat:
        assert figures.used[ONE] == 300 * MIB == seat.baseline
    cleaner.join()


def test_others_wait_with_the_first_until_nothing_is_left(figures: Figures) -> None:
    """Or what they allocate would be taken for what the last run has left."""
    one = Seats([ONE], LIMIT, look=figures)
    figures.used[ONE] += 2 * GIB
    begun: list[int] = []

    def run() -> None:
        with one.one():
            begun.append(figures.used[ONE])
            figures.used[ONE] += GIB
            time.sleep(0.05)
            figures.used[ONE] -= GIB

    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(run) for _ in range(3)]
        time.sleep(0.2)
        assert begun == []
        figures.used[ONE] -= 2 * GIB
        for each in waiting:
            each.result(timeout=10)
    assert begun[0] == 300 * MIB


def test_the_baseline_is_what_is_in_use_once_that_has_settled(figures: Figures) -> None:
    one = Seats([ONE], LIMIT, look=figures)
    figures.used[ONE] += 400 * MIB
    one.settle()
    with one.one() as seat:
        assert seat.baseline == 700 * MIB


def test_what_is_left_for_good_stops_the_next_run(figures: Figures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "_CLEAN_SECONDS", 0.1)
    monkeypatch.setattr(seats, "_STRANGERS_SECONDS", 0.1)
    monkeypatch.setattr(seats, "_STEADY_SECONDS", 0.1)
    one = Seats([ONE], LIMIT, look=figures)
    one.names_processes = True
    figures.used[ONE] += 2 * GIB
    figures.by_process = {os.getpid(): 2 * GIB}  # no stranger
    with pytest.raises(GraderError, match="^2,048 MiB of cuda:0 are still in use after the last run there has ended$"), one.one():
        pass


def test_where_nobody_is_named_what_stays_as_it_is_is_a_new_baseline(figures: Figures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "_CLEAN_SECONDS", 0.1)
    monkeypatch.setattr(seats, "_STEADY_SECONDS", 0.1)
    one = Seats([ONE], LIMIT, look=figures)
    figures.used[ONE] += 2 * GIB
    with one.one() as seat:
        assert seat.baseline == 300 * MIB + 2 * GIB
        assert one.count == 1


def test_somebody_elses_program_is_a_new_baseline(figures: Figures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "_STRANGERS_SECONDS", 0.1)
    one = Seats([ONE], LIMIT, look=figures)
    one.names_processes = True
    figures.used[ONE] += 2 * GIB
    figures.by_process = {1: 2 * GIB}
    with one.one() as seat:
        assert seat.baseline == 300 * MIB + 2 * GIB
    figures.used[ONE] = 12 * GIB
    with one.one():
        assert one.count == 2  # there is less room then


def test_a_run_is_over_its_limit_by_what_its_processes_hold(figures: Figures) -> None:
    """The driver's process ids are real ones here: a child of this process, and its child."""
    one = Seats([ONE], LIMIT, look=figures)
    code = "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); sys.stdin.read(); p.kill()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as warden:
        assert warden.stdout
        grandchild = int(warden.stdout.readline())
        with one.one() as seat:
            watch = one.watch(seat, warden.pid)
            assert watch.named_bytes() is None and not watch.is_over()
            figures.by_process = {grandchild: 300 * MIB, 1: 50 * GIB, os.getpid(): 50 * GIB}
            one.learn(watch)
            assert one.count == 4 and watch.named_bytes() == 300 * MIB
            figures.by_process[grandchild] = LIMIT + CONTEXT_BYTES
            assert not watch.is_over()
            figures.by_process[grandchild] += 1
            assert watch.is_over()


def test_without_names_of_processes_a_gpu_has_one_run_at_a_time(figures: Figures) -> None:
    one = Seats([ONE], LIMIT, look=figures)
    with one.one() as seat:
        watch = one.watch(seat, 999_999_999)
        one.learn(watch)
        assert one.count == 1
        figures.used[ONE] += LIMIT
        assert not watch.is_over()
        figures.used[ONE] += CONTEXT_BYTES + 1
        assert watch.is_over()
