"""Which parts of a confinement this machine offers, each tried in a throw-away process: ``python -m grader.inside.survey``.

Prints one JSON object: the part's name to why it does not work, or to "" where it does. Needs no torch.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from grader.inside import kernel

_SOME_USER = 65534
_TCP_ABI, _SCOPES_ABI = 4, 6


def main() -> None:
    sys.stdout.write(json.dumps({name: _tried(attempt) for name, attempt in _ATTEMPTS.items()}))


def _tried(attempt: Callable[[], object]) -> str:
    """Why the attempt failed in a process of its own; "" where it succeeded."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            attempt()
        except BaseException as error:
            os.write(writing, (str(error) or type(error).__name__).encode()[:500])
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, errors="replace") as words:
        said = words.read()
    _, status = os.waitpid(child, 0)
    return said if status == 0 else said or f"it ended with {os.waitstatus_to_exitcode(status)}"


def _new(*flags: int) -> None:
    """Namespaces of one's own, and with the first of them, a user namespace, the right to have the others."""
    uid, gid = os.getuid(), os.getgid()
    combined = kernel.CLONE_NEWUSER
    for flag in flags:
        combined |= flag
    kernel.syscall("unshare", combined)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1\n")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1\n")


def _mounts() -> None:
    _new(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", "/tmp", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV)


def _processes() -> None:
    _new(kernel.CLONE_NEWPID)
    first = os.fork()
    if first == 0:
        os._exit(os.getpid() != 1)
    _expect(os.waitpid(first, 0)[1] == 0, "the first process of the namespace was not number 1")


def _network() -> None:
    _new(kernel.CLONE_NEWNET)
    _expect([name for _, name in socket.if_nameindex()] == ["lo"], "the namespace has interfaces of the host's")


def _separate(kind: str, flag: int) -> None:
    before = os.readlink(f"/proc/self/ns/{kind}")
    _new(flag)
    _expect(os.readlink(f"/proc/self/ns/{kind}") != before, "the namespace is the host's")


def _user() -> None:
    _expect(os.getuid() == 0, "only root can give each submission a user of its own")
    os.setgroups([])
    os.setresgid(_SOME_USER, _SOME_USER, _SOME_USER)
    os.setresuid(_SOME_USER, _SOME_USER, _SOME_USER)


def _limits() -> None:
    room = 64 << 20
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + room, held + room))
    try:
        mmap.mmap(-1, 2 * room, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:
        return
    raise OSError("more memory than RLIMIT_AS allows was given")


def _capabilities() -> None:
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    status = Path("/proc/self/status").read_text()
    _expect("CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status, "some are left")


def _landlock() -> None:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.landlock(())
    _refused(lambda: os.listdir("/"), "a folder without a rule could be listed")


def _landlock_tcp() -> None:
    _expect(kernel.landlock_abi() >= _TCP_ABI, f"Landlock ABI {kernel.landlock_abi()}, TCP needs {_TCP_ABI}")
    _landlock()
    with socket.socket() as one:
        _refused(lambda: one.bind(("127.0.0.1", 0)), "a port could be bound")


def _landlock_scopes() -> None:
    _expect(kernel.landlock_abi() >= _SCOPES_ABI, f"Landlock ABI {kernel.landlock_abi()}, scopes need {_SCOPES_ABI}")
    _landlock()
    _refused(lambda: os.kill(os.getppid(), 0), "a process outside could be signalled")


def _seccomp() -> None:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.install_seccomp(kernel.seccomp_program(allow_exec=False, private_root=False))
    _refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), "a UDP socket could be opened")
    _refused(lambda: kernel.syscall("unshare", kernel.CLONE_NEWUSER), "a namespace could be made")


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise OSError(otherwise)


def _refused(attempt: Callable[[], object], otherwise: str) -> None:
    try:
        attempt()
    except PermissionError:
        return
    raise OSError(otherwise)


_ATTEMPTS: dict[str, Callable[[], object]] = {
    "user namespace": _new,
    "mount namespace": _mounts,
    "pid namespace": _processes,
    "network namespace": _network,
    "ipc namespace": lambda: _separate("ipc", kernel.CLONE_NEWIPC),
    "uts namespace": lambda: _separate("uts", kernel.CLONE_NEWUTS),
    "own user": _user,
    "limits": _limits,
    "capabilities": _capabilities,
    "Landlock files": _landlock,
    "Landlock TCP": _landlock_tcp,
    "Landlock scopes": _landlock_scopes,
    "seccomp": _seccomp,
}


if __name__ == "__main__":
    main()
