"""The nursery: an interpreter with torch imported, which forks one confined child for each run.

It is a clean exec with a scrubbed environment and one thread, computes nothing (a child forked after a parallel region
hangs), holds no secret and no instance's data, and never sees a submission: the keeper's source goes from its pipe
straight into the confined child. It speaks with the keeper over one socket, descriptor 3.
"""

from __future__ import annotations

import array
import gc
import importlib
import json
import os
import select
import signal
import socket
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import torch

from grader.inside import census, confine, confined, kernel, packages, submission, warden

_MESSAGE_BYTES = 1 << 16
_CHANNELS = 8  # of warden.Channels, with three control groups at most
_IMPORTED_BY_EVERY_RUN = ("numpy.random", "importlib.util")


def main() -> None:
    """Serve until the keeper closes its socket, by its own end if need be; a parent-death signal would follow its thread."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)  # whatever outlives a lost warden comes here, to be killed
    os.umask(0o022)
    _forget_callers_signals()
    keeper = socket.socket(fileno=3)
    keeper.set_inheritable(False)
    setup = json.loads(keeper.recv(_MESSAGE_BYTES))
    if setup["private_roots"]:
        confine.uncover_proc()
    assignment = submission.load_assignment()
    packages.prepare(setup["packages"])
    _rehearse(assignment)
    readable = confine.readable_paths(setup["forbidden"])
    common = {
        "readable": readable,
        "forbidden": tuple(setup["forbidden"]),
        "search": confine.must_search(readable),
        "outsiders": (setup["keeper"], os.getpid()),
        "outside_namespaces": confine.namespaces_of_this_process(),
    }
    gc.collect()
    gc.freeze()  # children would copy every page whose reference counts the collector touches
    wardens: set[int] = set()
    chores = _chores(wardens)
    _reply(keeper, {"ready": True, "threads": _threads()})
    while request := _next_request(keeper, chores):
        message, fds = request
        if "warm" in message:
            _reply(keeper, {"warmed": [name for name in message["warm"] if _warm(name)], "threads": _threads()})
            gc.freeze()
        else:
            wardens.add(_start(keeper, message, fds, common, assignment))


def _forget_callers_signals() -> None:
    """Signals as in any program: a grader under nohup, or in the background of a script, was started with some ignored."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # these two Python itself ignores
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _rehearse(assignment: types.ModuleType) -> None:
    """Do once what each child does before its submission starts, so that it finds the modules and caches filled.

    Nothing in it is computed in parallel: drawing a model's first weights is serial, and the children seed anew.
    """
    for name in _IMPORTED_BY_EVERY_RUN:
        importlib.import_module(name)
    torch.manual_seed(0)
    assignment.MLP().load_state_dict(assignment.MLP().state_dict())


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def _warm(name: str) -> bool:
    """Import a slow package ahead; the keeper names only packages that the rubric lists."""
    try:
        importlib.import_module(name)
    except Exception:  # its own import in the submission will say why
        return False
    return True


def _next_request(keeper: socket.socket, chores: Iterator[float]) -> tuple[dict[str, Any], list[int]] | None:
    """The keeper's next message with its descriptors; None once the keeper is gone. Does a chore whenever there is none."""
    poll = select.poll()
    poll.register(keeper, select.POLLIN)
    while not poll.poll(next(chores) * 1000):
        pass
    fds = array.array("i")
    message, ancillary, _, _ = keeper.recvmsg(_MESSAGE_BYTES, socket.CMSG_SPACE(_CHANNELS * fds.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return (json.loads(message), list(fds)) if message else None


def _chores(wardens: set[int]) -> Iterator[float]:
    """What there is to do between requests, in small pieces. Yields after each how many seconds the next one can wait.

    Most of a fork's cost is the table of the pages that both then share. Huge pages make it some twenty times smaller, but
    take a third of a second to arrange, so that it is not done before the first child is asked for.
    """
    for start in _huge_pages():
        kernel.collapse(start, start + kernel.HUGE_PAGE)
        _bury(wardens)
        yield 0.0
    while True:
        _bury(wardens)
        yield 0.2


def _huge_pages() -> Iterator[int]:
    """Addresses of this process's own memory in steps of a huge page."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        bounds, rights, _, _, inode, *_ = line.split()
        if rights == "rw-p" and inode == "0":
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            first = -(-start // kernel.HUGE_PAGE) * kernel.HUGE_PAGE
            yield from range(first, end - kernel.HUGE_PAGE + 1, kernel.HUGE_PAGE)


def _bury(wardens: set[int]) -> None:
    """Wait for ended wardens, and kill what outlived a lost one: it becomes this process's child."""
    try:
        while ended := os.waitpid(-1, os.WNOHANG)[0]:
            wardens.discard(ended)
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_bytes().split()
    except (ChildProcessError, FileNotFoundError):
        return
    stopped: set[int] = set()
    while found := _with_descendants({int(pid) for pid in children} - wardens) - stopped:
        for pid in found:
            _send(pid, signal.SIGSTOP)  # first, because a fork bomb is quicker than one kill after the other
        stopped |= found
    for pid in stopped:
        _send(pid, signal.SIGKILL)


def _with_descendants(pids: set[int]) -> set[int]:
    tasks = census.all_tasks() if pids else {}
    return pids.union(*(census.descendants(tasks, pid) for pid in pids))


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _reply(keeper: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    keeper.sendmsg([json.dumps(message).encode()], ancillary)


def _start(
    keeper: socket.socket, message: dict[str, Any], fds: list[int], common: dict[str, Any], assignment: types.ModuleType
) -> int:
    """Fork a warden and send its pidfd to the keeper. Returns its pid, or 0 where that failed."""
    source, result, log, report, leash, *groups = fds
    channels = warden.Channels(source, result, log, report, leash, tuple(groups))
    gpu = message["plan"].pop("gpu", None)
    plan = confine.Plan(**common, **message["plan"], gpu=confine.Gpu(**gpu) if gpu else None)
    setting = submission.Setting(**message["setting"])

    def inside() -> NoReturn:
        confined.main(plan, channels, setting, assignment)

    ready, mapped = os.pipe()
    try:
        flags = (
            kernel.CLONE_NEWUSER
            | kernel.CLONE_NEWNS
            | kernel.CLONE_NEWPID
            | kernel.CLONE_NEWNET
            | kernel.CLONE_NEWIPC
            | kernel.CLONE_NEWUTS
        )
        pid, pidfd = kernel.clone(flags if plan.namespaces else 0)
        if pid == 0:
            _become_warden(keeper, mapped, plan, channels, ready, inside)
        if plan.namespaces:
            _map_identity(pid, message["outer_uid"])
            os.write(mapped, b"1")
        _reply(keeper, {"pid": pid}, (pidfd,))
        os.close(pidfd)
        return pid
    except OSError as error:
        _reply(keeper, {"error": f"{error}"})
        return 0
    finally:
        for fd in (ready, mapped, *fds):
            os.close(fd)


def _become_warden(
    keeper: socket.socket, mapped: int, plan: confine.Plan, channels: warden.Channels, ready: int, inside: Any
) -> NoReturn:
    try:
        keeper.close()
        os.close(mapped)
        warden.main(plan, channels, ready, inside)
    except BaseException as error:
        # The keeper shows this to the instructor: it is the grader's fault, never the submission's.
        os.write(channels.report, json.dumps({"broken": f"{type(error).__name__}: {error}"}).encode())
    finally:
        os._exit(70)


def _map_identity(pid: int, outer_uid: int | None) -> None:
    """Give the new user namespace its users: for root, itself and one of the run's own; else the caller alone."""
    uid, gid = os.getuid(), os.getgid()
    student = confine.STUDENT_UID
    if outer_uid is None:
        Path(f"/proc/{pid}/setgroups").write_text("deny")
        lines = (f"{student} {uid} 1\n", f"{student} {gid} 1\n")
    else:
        lines = (f"0 {uid} 1\n{student} {outer_uid} 1\n", f"0 {gid} 1\n{student} {outer_uid} 1\n")
    for kind, text in zip(("uid_map", "gid_map"), lines, strict=True):
        with open(f"/proc/{pid}/{kind}", "w", buffering=256) as mapping:
            mapping.write(text)


if __name__ == "__main__":
    main()
