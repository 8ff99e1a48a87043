"""Several real Ray nodes on this machine, for tests and benchmarks: each with a raylet and an object store of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
RAY = (sys.executable, "-c", "from ray.scripts.scripts import main; main()")
_MARK = "PRUNEGRADE_TEST_NODE"
STORE_BYTES = 100 << 20


class Nodes:
    """A head without CPUs, and the nodes that are added to it; all of them end with the ``with`` block."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # a short name, as sockets need it
        self.folder.chmod(0o755)  # the hostile may find it
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.head = self._start("--head", f"--port={_free_port()}", "--num-cpus=0", "--include-dashboard=false")
        written = self.folder / "ray" / "ray_current_cluster"
        try:
            self._wait_for(self.head)
        except BaseException:
            self.__exit__()
            raise
        self.address = written.read_text().strip()
        return self

    def __exit__(self, *_: object) -> None:
        for node in reversed(self._started):
            self.kill(node)
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, cpus: int = 1, *, before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """One more node; ``before`` are words of a command that starts it."""
        node = self._start(f"--address={self.address}", f"--num-cpus={cpus}", before=before)
        self._wait_for(node)
        return node

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """As a power cut: everything of the node at once."""
        for _ in range(3):  # what one of them has started meanwhile
            for pid, _ in self._processes(self._started.index(node)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        node.wait()

    def raylets(self) -> list[int]:
        return [
            pid for pid, words in self._processes() if "/raylet/raylet" in words[0] and "--raylet_socket_name" in " ".join(words)
        ]

    def outposts(self) -> list[int]:
        return [pid for pid, words in self._processes() if words[0].startswith("ray::Outpost")]

    def sockets(self) -> list[Path]:
        return sorted((self.folder / "ray" / "session_latest").resolve().glob("sockets/*"))

    def _processes(self, node: int | None = None) -> Iterator[tuple[int, list[str]]]:
        """With their words: those of all nodes, or of one, known by what is in their environment."""
        mark = f"{_MARK}={self.folder}/" + ("" if node is None else f"{node}/")
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark.encode() in (entry / "environ").read_bytes():
                        yield int(entry.name), (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                except OSError:
                    continue

    def _wait_for(self, node: subprocess.Popen[bytes], seconds: float = 90) -> None:
        """Until it is a node of the cluster."""
        said = self.folder / f"{self._started.index(node)}.said"
        deadline = time.monotonic() + seconds
        while b"Ray runtime started" not in said.read_bytes():
            assert node.poll() is None and time.monotonic() < deadline, said.read_text()
            time.sleep(0.1)
        time.sleep(1)

    def _start(self, *arguments: str, before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        with open(self.folder / f"{len(self._started)}.said", "wb") as said:
            node = subprocess.Popen(
                [*before, *RAY, "start", "--block", "--disable-usage-stats", f"--object-store-memory={STORE_BYTES}", *arguments],
                env={
                    **os.environ,
                    "RAY_TMPDIR": str(self.folder),
                    "RAY_worker_niceness": "0",
                    _MARK: f"{self.folder}/{len(self._started)}/",
                },
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self._started.append(node)
        return node


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("", 0))
        port: int = one.getsockname()[1]
    return port
