"""The process that forks confined children, and the socket to it: a clean exec with a scrubbed environment."""

from __future__ import annotations

import array
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader.errors import GraderError

START_SECONDS = 60.0  # for the import of torch, and for a child's confinement
_MESSAGE_BYTES = 1 << 16


class NurseryKilledError(GraderError):
    """By a signal, before it was ready: that says nothing of this machine, and another one may be luckier."""


class Nursery:
    """The process that forks children, and the socket to it."""

    def __init__(
        self,
        forbidden: list[str],
        packages: tuple[str, ...],
        *,
        private_roots: bool = True,
        inherited: Mapping[str, str] | None = None,
    ) -> None:
        """``private_roots`` will be built for its children.

        ``inherited`` is what its environment holds besides the agreed one: nothing, wherever secrets matter.
        """
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._cache = tempfile.mkdtemp(prefix="prunegrade-")  # for library caches of the nursery itself
        root = str(Path(__file__).resolve().parent.parent)
        code = (
            f"import gc, sys; gc.disable(); sys.path.insert(0, {root!r}); import grader.inside.__main__ as n; "
            f"sys.path.remove({root!r}); gc.enable(); n.main()"  # an import makes no garbage, and looking for it takes long
        )
        with theirs, open(f"{self._cache}/errors", "wb") as errors:
            # A small shell-free dance puts the socket at descriptor 3, where the nursery looks for it.
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-B", "-c", f"import os; os.dup2({theirs.fileno()}, 3); {code}"],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**(inherited or {}), **clean_environment(self._cache)},
                cwd="/",
                start_new_session=True,
            )
        try:
            setup = {"forbidden": forbidden, "packages": packages, "private_roots": private_roots, "keeper": os.getpid()}
            reply, _ = self.ask(setup, (), seconds=START_SECONDS)
        except GraderError:
            words = Path(self._cache, "errors").read_text(errors="replace").strip().splitlines()[-1:]
            self.close()
            kind = NurseryKilledError if (self._process.returncode or 0) < 0 else GraderError
            raise kind(f"the nursery did not start: {''.join(words) or f'it ended with {self._process.returncode}'}") from None
        if reply.get("threads") != 1:
            self.close()
            raise GraderError(f"the nursery has {reply.get('threads')} threads after importing torch, expected 1")

    def ask(self, message: Mapping[str, Any], fds: tuple[int, ...], *, seconds: float) -> tuple[dict[str, Any], list[int]]:
        """One request and its reply, with descriptors both ways. Raises GraderError where the nursery is lost."""
        received = array.array("i")
        try:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
            self._socket.sendmsg([json.dumps(message).encode()], ancillary)
            self._socket.settimeout(seconds)
            reply, extra, _, _ = self._socket.recvmsg(_MESSAGE_BYTES, socket.CMSG_SPACE(4 * received.itemsize))
        except OSError as error:
            self._process.kill()  # its answer to this request could come as the next one's
            raise GraderError(f"the nursery was lost: {error}") from None
        for level, kind, data in extra:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received.frombytes(data[: len(data) - len(data) % received.itemsize])
        if not reply:
            raise GraderError("the nursery was lost: it closed its socket")
        for fd in received:
            os.set_inheritable(fd, False)
        return json.loads(reply), list(received)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        self._socket.close()
        try:
            self._process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._cache, ignore_errors=True)


def clean_environment(cache: str) -> dict[str, str]:
    """A scrubbed environment: nothing of the caller's but a locale and where its programs lie."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": cache,
        "USER": "student",
        "LOGNAME": "student",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": cache,
        "IPYTHONDIR": cache,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
        "JOBLIB_MULTIPROCESSING": "0",
        "PYTHONHASHSEED": "0",  # sets of names come in the same order in every run
    }
