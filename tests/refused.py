"""What a confinement refuses: ``python tests/refused.py COMMAND...`` runs it, and names on stderr, once each, the system calls
that the kernel refused to its processes after they had installed a filter. For a driver that does not get what it needs.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from grader.inside import kernel

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long
_SYSCALL, _EVENT_MESSAGE, _SEIZE, _LISTEN, _SYSCALL_INFO = 24, 0x4201, 0x4206, 0x4208, 0x420E  # of ptrace(2)
_TELL_CALLS, _FOLLOW, _END_WITH_ME = 0x1, 0x2 | 0x4 | 0x8, 0x00100000
_NEW_PROCESS, _STOPPED = (1, 2, 3), 128  # events
_ENTERED, _LEFT = 1, 2
_INFO_BYTES = 88
_ALL_THREADS = 0x40000000  # __WALL
# Calls that a filter does not name, and where their path stands.
_ALSO = {
    "x86_64": {2: "open", 4: "stat", 6: "lstat", 21: "access", 257: "openat", 262: "newfstatat", 332: "statx", 439: "faccessat2"},
    "aarch64": {56: "openat", 79: "newfstatat", 291: "statx", 439: "faccessat2"},
}[platform.machine()]
_PATH_FIRST = {"open", "stat", "lstat", "access", "execve", "chmod", "mknod"}
_PATH_SECOND = {"openat", "newfstatat", "statx", "faccessat2"}
_USUAL = {errno.EAGAIN, errno.EINTR, errno.ETIMEDOUT}
_NAMES = {kernel.number(name): name for name in kernel.SYSCALLS} | _ALSO


class Tracer:
    """Follows a command and all its descendants to their end."""

    def __init__(self) -> None:
        self._entered: dict[int, tuple[str, str]] = {}  # pid -> name of its call, and with its arguments
        self._confined: set[int] = set()
        self._told: set[str] = set()

    def run(self, command: list[str]) -> int:
        """The command's exit status."""
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            os.execvp(command[0], command)
        os.waitpid(child, os.WUNTRACED)
        if _ptrace(_SEIZE, child, _TELL_CALLS | _FOLLOW | _END_WITH_ME):
            raise OSError(ctypes.get_errno(), "ptrace")
        os.kill(child, signal.SIGCONT)
        last = 0
        while True:
            try:
                pid, status = os.waitpid(-1, _ALL_THREADS)
            except ChildProcessError:
                return os.waitstatus_to_exitcode(last)
            if os.WIFSTOPPED(status):
                self._stopped(pid, os.WSTOPSIG(status), status >> 16)
            else:
                last = status if pid == child else last
                self._entered.pop(pid, None)
                self._confined.discard(pid)

    def _stopped(self, pid: int, number: int, event: int) -> None:
        passed_on = 0
        if event in _NEW_PROCESS:
            new = ctypes.c_ulong()
            _ptrace(_EVENT_MESSAGE, pid, 0, ctypes.byref(new))
            if pid in self._confined:
                self._confined.add(new.value)
        elif event == _STOPPED and number != signal.SIGTRAP:
            _ptrace(_LISTEN, pid)
            return
        elif number == signal.SIGTRAP | 0x80:
            self._called(pid)
        elif event == 0:
            passed_on = number
        _ptrace(_SYSCALL, pid, passed_on)

    def _called(self, pid: int) -> None:
        info = ctypes.create_string_buffer(_INFO_BYTES)
        _ptrace(_SYSCALL_INFO, pid, _INFO_BYTES, ctypes.byref(info), address_first=True)
        if info.raw[0] == _ENTERED:
            number, *arguments = struct.unpack_from("=7Q", info.raw, 24)
            name = _NAMES.get(number, f"call {number}")
            shown = _shown(pid, name, arguments) if pid in self._confined else ""
            self._entered[pid] = name, f"{name}({shown})"
        elif info.raw[0] == _LEFT and pid in self._entered:
            name, call = self._entered.pop(pid)
            value, failed = struct.unpack_from("=qB", info.raw, 24)
            if name == "seccomp" and not failed:
                self._confined.add(pid)
            elif pid in self._confined and failed and -value not in _USUAL:
                self._tell(f"{call} = {errno.errorcode.get(-value, value)}")

    def _tell(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            print(line, file=sys.stderr)


def _shown(pid: int, name: str, arguments: list[int]) -> str:
    place = 0 if name in _PATH_FIRST else 1 if name in _PATH_SECOND else None
    return ", ".join(map(hex, arguments[:4])) if place is None else _text_at(pid, arguments[place])


def _text_at(pid: int, address: int) -> str:
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            return repr(memory.read(200).partition(b"\0")[0].decode(errors="replace"))
    except (OSError, ValueError, OverflowError):
        return "?"


def _ptrace(request: int, pid: int, number: int = 0, pointer: object = None, *, address_first: bool = False) -> int:
    data = pointer if pointer is not None else number
    return int(_libc.ptrace(request, pid, number if address_first else 0, data))


if __name__ == "__main__":
    raise SystemExit(Tracer().run(sys.argv[1:]) if sys.argv[1:] else __doc__)
