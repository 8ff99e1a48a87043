"""Control groups, for real, where this user may make them: elsewhere the grader says that it does without."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grader.cgroup import ControlGroup, ControlGroups

MIB = 1 << 20
HOARD = "x = bytearray(b'x') * (300 << 20); print('kept')"
MANY = """
import os, time
started = 0
try:
    for _ in range(40):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        started += 1
except BlockingIOError:
    pass
print(started, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def groups() -> ControlGroups:
    found = ControlGroups.find()
    if found.missing:
        memory = any(" memory" in line for line in Path("/proc/mounts").read_text().splitlines() if line.startswith("cgroup"))
        assert os.getuid() != 0 or not memory, found.missing
        pytest.skip(f"no control groups here: {found.missing}")
    return found


@contextmanager
def python_in(group: ControlGroup, code: str) -> Iterator[subprocess.Popen[str]]:
    def enter() -> None:
        for entrance in group.entrances:
            os.write(entrance, b"0")

    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, preexec_fn=enter) as process:
        yield process


def test_the_kernel_ends_what_takes_more_memory_than_the_group_may(groups: ControlGroups) -> None:
    with groups.one(0, memory_bytes=64 * MIB, tasks=16) as group:
        assert not group.ran_out_of_memory()
        with python_in(group, HOARD) as process:
            assert process.wait(60) == -signal.SIGKILL
        assert group.ran_out_of_memory()


def test_a_group_has_room_for_what_its_run_may_take(groups: ControlGroups) -> None:
    with groups.one(0, memory_bytes=512 * MIB, tasks=16) as group:
        with python_in(group, HOARD) as process:
            assert process.wait(60) == 0
        assert not group.ran_out_of_memory()


def test_processes_are_counted_and_ended_together(groups: ControlGroups) -> None:
    if not groups.can("tasks"):
        pytest.skip("no limit on processes here")
    with groups.one(0, memory_bytes=512 * MIB, tasks=10) as group:
        folders = [folder for _, folder in group.folders]
        with python_in(group, MANY) as process:
            assert process.stdout
            assert process.stdout.readline() == "9\n"  # and itself
            if groups.can("end"):
                group.end()
            else:
                os.kill(process.pid, signal.SIGKILL)
            assert process.wait(60) == -signal.SIGKILL
    assert not groups.can("end") or not any(folder.exists() for folder in folders)


def test_what_a_killed_grader_left_is_swept_away(groups: ControlGroups) -> None:
    with groups.one(0, memory_bytes=512 * MIB, tasks=10) as group:
        place = group.folders[0][1].parent
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = place / f"prunegrade-{gone.pid}-0-0"
    left.mkdir()
    ControlGroups.find()
    deadline = time.monotonic() + 5
    while left.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left.exists()


def test_without_any_a_run_has_a_group_that_holds_nothing() -> None:
    with ControlGroups.none("switched off").one(0, memory_bytes=1, tasks=1) as group:
        assert (group.entrances, group.names, group.ran_out_of_memory()) == ((), (), False)
        group.end()
