"""Tries, in the confined child and before any line of a submission is read, whether the confinement holds.

A layer counts only where it shows: by its own sign, and by what it forbids being refused. A layer that fails silently
(a rule for a path that is not there, a filter for another architecture) would otherwise protect nobody.
"""

from __future__ import annotations

import mmap
import os
import resource
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from grader.inside import kernel
from grader.inside.confine import SEARCHING_USER, STUDENT_UID, Plan, namespaces_of_this_process, searches

AGREED_DESCRIPTORS = frozenset(range(5))  # nothing to read, log, log, result, source
_AGREED_ENVIRONMENT = frozenset(
    """PATH LANG LC_CTYPE HOME USER LOGNAME MPLBACKEND MPLCONFIGDIR IPYTHONDIR OMP_NUM_THREADS OPENBLAS_NUM_THREADS
    MKL_NUM_THREADS CUDA_VISIBLE_DEVICES PYTORCH_NVML_BASED_CUDA_CHECK JOBLIB_MULTIPROCESSING PYTHONHASHSEED""".split()
)
_SCOPED_SIGNALS = 6  # the Landlock ABI that keeps them in the domain

Attempt = Callable[[], object]


def probe(plan: Plan, layers: Sequence[str]) -> dict[str, list[str]]:
    """What came out ``wrong``, and what is ``open`` since none of the layers in force forbids it: that is not tried."""
    attempts = _must_fail(plan)
    forbidden = {name: attempt for name, (by, attempt) in attempts.items() if not by.isdisjoint(layers)}
    signs = _signs(plan)
    wrong = [name for name, attempt in forbidden.items() if not _refused(attempt)]
    wrong += [f"show {layer}" for layer in layers if not _works(signs[layer])]
    wrong += [name for name, attempt in _must_work(plan).items() if not _works(attempt)]
    return {"wrong": wrong, "open": [name for name in attempts if name not in forbidden]}


# --- what shows of each layer by itself -------------------------------------------------------------------------------


def _signs(plan: Plan) -> dict[str, Attempt]:
    user = STUDENT_UID if plan.namespaces else plan.uid
    kept = f"{1 << kernel.CAP_DAC_READ_SEARCH if searches(plan) else 0:016x}"

    def is_that_user_alone() -> None:
        _expect({*os.getresuid(), *os.getresgid()} == {user} and os.getgroups() == [])

    return {
        "environment": _hold_no_foreign_environment,
        "namespaces": lambda: _expect(set(namespaces_of_this_process()).isdisjoint(plan.outside_namespaces)),
        "own user": is_that_user_alone,
        SEARCHING_USER: is_that_user_alone,
        "control group": lambda: _expect(set(plan.control_groups) <= set(_control_groups())),
        "limits": lambda: _expect(resource.getrlimit(resource.RLIMIT_CORE) == (1, 1)),
        "capabilities": lambda: _expect(_own_status("CapPrm") == _own_status("CapEff") == kept),
        "landlock": lambda: _expect(_refused(lambda: os.listdir("/"))),  # no rule names it, and its mode forbids nothing
        "seccomp": lambda: _expect(_own_status("Seccomp") == "2" and _own_status("NoNewPrivs") == "1"),
        "descriptors": _hold_no_further_descriptor,
    }


def _expect(holds: bool) -> None:
    if not holds:
        raise ValueError


def _own_status(key: str) -> str:
    with open("/proc/self/status") as status:
        return next((line.split()[1] for line in status if line.startswith(f"{key}:")), "")


def _control_groups() -> list[str]:
    with open("/proc/self/cgroup") as groups:
        return [line.rstrip("\n").split(":", 2)[2] for line in groups]


def _hold_no_further_descriptor() -> None:
    listing = os.open("/proc/self/fd", os.O_RDONLY)
    try:
        found = {int(name) for name in os.listdir(listing)} - {listing}
    finally:
        os.close(listing)
    # listdir reads through a copy of the descriptor, which is gone again
    left = {fd for fd in found - AGREED_DESCRIPTORS if _is_open(fd)}
    if left:
        raise ValueError(f"descriptors {sorted(left)}")


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _hold_no_foreign_environment() -> None:
    names = {entry.partition(b"=")[0].decode() for entry in Path("/proc/self/environ").read_bytes().split(b"\0") if entry}
    if names - _AGREED_ENVIRONMENT:
        raise ValueError(f"{sorted(names - _AGREED_ENVIRONMENT)}")


# --- what must fail, and what must work -------------------------------------------------------------------------------


def _must_fail(plan: Plan) -> dict[str, tuple[frozenset[str], Attempt]]:
    """Attempts with the layers each of which forbids them.

    Only an OSError may answer: anything else, even another exception, means that nothing is proved.
    """
    files = frozenset({"namespaces", "landlock", "own user"})
    belongings = files | {SEARCHING_USER}  # what another user may not even with CAP_DAC_READ_SEARCH
    signals = belongings - {"namespaces"} - ({"landlock"} if kernel.landlock_abi() < _SCOPED_SIGNALS else set())
    filtered = frozenset({"seccomp"})
    attempts: dict[str, tuple[frozenset[str], Attempt]] = {
        f"open {path}": (files, partial(_open, path)) for path in plan.forbidden
    }
    attempts |= {
        "open a TCP socket": (filtered, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()),
        "open a netlink socket": (filtered, lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()),
        "make a user namespace": (filtered, lambda: kernel.syscall("unshare", kernel.CLONE_NEWUSER)),
        "mount a file system": (filtered | {"capabilities"}, lambda: kernel.mount("tmpfs", plan.scratch, "tmpfs", 0)),
        "trace its warden": (filtered, lambda: kernel.syscall("ptrace", 16, os.getppid(), 0, 0)),
        "signal its warden": (signals, lambda: os.kill(os.getppid(), 0)),
        "read its warden's environment": (belongings | {"capabilities"}, lambda: _open(f"/proc/{os.getppid()}/environ")),
        "use io_uring": (filtered, lambda: kernel.syscall("io_uring_setup", 1, 0)),
        "use keyrings": (filtered, lambda: kernel.syscall("keyctl", 0, -3, 0)),
        "change its user": (filtered | {"own user", SEARCHING_USER}, lambda: os.setuid(0)),
        "write beside the libraries": (
            belongings,
            lambda: _open(os.path.dirname(os.__file__), os.O_TMPFILE | os.O_WRONLY),
        ),
        "share memory that nobody counts": (filtered, lambda: mmap.mmap(-1, mmap.PAGESIZE).close()),
    }
    if plan.namespaces:
        attempts["see a foreign process"] = (frozenset({"namespaces"}), _see_a_foreign_process)
    else:  # a private /proc has other processes under these numbers
        of_a_user = files - {"namespaces"}
        attempts |= {
            f"read the environment of process {pid}": (of_a_user, partial(_open, f"/proc/{pid}/environ"))
            for pid in plan.outsiders
        }
    if plan.gpu:
        attempts |= {f"open {node}": (files, partial(_open, node, os.O_RDWR)) for node in plan.gpu.others}
        attempts.pop("share memory that nobody counts")  # CUDA does not start without
    if not plan.allow_exec:
        attempts["start a program"] = (filtered, _start_a_program)
    return attempts


def _open(path: str, flags: int = os.O_RDONLY) -> None:
    os.close(os.open(path, flags))


def _see_a_foreign_process() -> None:
    seen = {int(entry) for entry in os.listdir("/proc") if entry.isdigit()}
    if seen <= {os.getppid(), os.getpid()}:
        raise ProcessLookupError("there are its warden and itself alone")


def _start_a_program() -> None:
    try:
        kernel.syscall("execve", b"/nonexistent", None, None)
    except FileNotFoundError:
        return  # the kernel looked for it, so it would have been started


def _must_work(plan: Plan) -> dict[str, Attempt]:
    def write_scratch() -> None:
        path = Path(plan.scratch, ".probe")
        path.write_bytes(b"x")
        path.unlink()

    def make_socket_pair() -> None:
        for end in socket.socketpair():
            end.close()

    return {
        "see the libraries": lambda: [os.stat(path) for path in plan.readable],
        "read the standard library": lambda: Path(os.__file__).read_bytes(),
        "write its own folder": write_scratch,
        "read /proc/self": lambda: Path("/proc/self/stat").read_bytes(),
        "random numbers": lambda: os.urandom(8),
        "/dev/null": lambda: os.close(os.open("/dev/null", os.O_RDWR)),
        "a socket pair": make_socket_pair,
    }


def _refused(attempt: Attempt) -> bool:
    try:
        attempt()
    except OSError:
        return True
    except Exception:
        return False
    return False


def _works(attempt: Attempt) -> bool:
    try:
        attempt()
    except Exception:
        return False
    return True
