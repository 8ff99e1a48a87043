"""What a run with a GPU gets in its private root: ``python gpu_root.py GIVEN OTHER with|without`` prints what it can reach.

Device files of this machine stand in for a GPU's; what is tried is which of them a confined process can reach, and how.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from grader.inside import confine, kernel  # noqa: E402

TCGETS = 0x5401


def main() -> None:
    given, other, granted = sys.argv[1], sys.argv[2], sys.argv[3] == "with"
    gpu = confine.Gpu((given,), ("/sys/devices/system/node",), (other,), (), {}, 0.5) if granted else None
    plan = confine.Plan(
        without=(),
        readable=confine.readable_paths(()),
        scratch="/tmp",
        uid=None,
        allow_exec=False,
        memory_bytes=1 << 30,
        file_bytes=1 << 24,
        cpu_seconds=60,
        wall_seconds=None,
        processes=64,
        search=False,
        control_groups=(),
        outsiders=(),
        outside_namespaces=confine.namespaces_of_this_process(),
        forbidden=(),
        gpu=gpu,
    )
    ready, mapped = os.pipe()
    flags = kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWNET
    flags |= kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
    pid, _ = kernel.clone(flags)
    if pid:
        Path(f"/proc/{pid}/setgroups").write_text("deny")
        Path(f"/proc/{pid}/uid_map").write_text(f"{confine.STUDENT_UID} {os.getuid()} 1\n")
        Path(f"/proc/{pid}/gid_map").write_text(f"{confine.STUDENT_UID} {os.getgid()} 1\n")
        os.write(mapped, b"1")
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os.read(ready, 1)
    confine.build_private_root(plan)
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    try:
        confine.lock_down(plan)
        print(json.dumps(found(given, other)), flush=True)
    finally:
        os._exit(0)


def found(given: str, other: str) -> dict[str, str]:
    libc = ctypes.CDLL(None, use_errno=True)

    def name_a_thread() -> None:
        started, named = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: (started.set(), named.wait(5)))
        thread.start()
        started.wait(5)
        try:
            Path(f"/proc/self/task/{thread.native_id}/comm").write_text("cuda")
        finally:
            named.set()
            thread.join()

    def anonymous_file() -> None:
        if libc.memfd_create(b"x", 0) < 0:
            raise OSError(ctypes.get_errno(), "memfd_create")

    def control() -> None:
        fd = os.open(given, os.O_RDWR)
        fcntl.ioctl(fd, TCGETS, bytes(64))

    return {
        "open the given one": tried(lambda: os.close(os.open(given, os.O_RDWR))),
        "control the given one": tried(control),
        "open the other": tried(lambda: os.close(os.open(other, os.O_RDWR))),
        "name a thread": tried(name_a_thread),
        "an anonymous file": tried(anonymous_file),
        "read the system's nodes": tried(lambda: Path("/sys/devices/system/node/online").read_text()),
        "list /sys": tried(lambda: os.listdir("/sys")),
        "list /dev": tried(lambda: os.listdir("/dev")),
    }


def tried(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return os.strerror(error.errno or 0)
    return "works"


if __name__ == "__main__":
    main()
