"""What the warden counts: with real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from grader.inside.census import Census

MIB = 1 << 20
HOLDS = """
import mmap, os, sys
held = mmap.mmap(-1, 64 << 20)  # shared, and in no folder
for place in range(0, len(held), 4096):
    held[place] = 1
if sys.argv[1] == "two":
    os.fork() or sys.stdin.read()
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def holding(how_many: str) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", HOLDS, how_many], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield
        process.kill()


@pytest.mark.parametrize("how_many", ["one", "two"])
def test_memory_in_files_without_a_folder_counts_once_where_a_run_can_have_any(how_many: str) -> None:
    without, with_it = Census((), None), Census((), None, counts_shared=True)
    before = with_it.confirmed_memory(with_it.sample())
    with holding(how_many):
        found = with_it.confirmed_memory(with_it.sample())
        assert 64 * MIB <= found - before < 100 * MIB
        assert without.confirmed_memory(without.sample()) < before + 40 * MIB
