"""Run a command where some of the kernel's offers are missing, as in a container or on an older kernel.

``python poorer_kernel.py landlock,namespaces COMMAND...``: an outer seccomp filter answers for the kernel. Everything that
is started below it, the grader with its own filters included, lives with that.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from grader.inside import kernel

EPERM, ENOSYS = 1, 38
PR_SET_SECCOMP, FILTER = 22, 2
MISSING = {
    "landlock": [(name, ENOSYS) for name in ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")],
    "namespaces": [("unshare", EPERM), ("clone3", ENOSYS)],  # and clone's flags, below
    "mounts": [("mount", EPERM)],  # what an unprivileged user namespace is worth on Ubuntu
    "seccomp": [("seccomp", ENOSYS)],
}


def answer(number: int) -> tuple[int, int, int, int]:
    return (kernel._RET, 0, 0, kernel._ERRNO | number)


def main() -> None:
    missing, command = sys.argv[1].split(","), sys.argv[2:]
    program = [(kernel._LOAD, 0, 0, kernel._NR)]
    for offer in missing:
        for name, number in MISSING[offer]:
            program += kernel._when(name, [answer(number)])
        if offer == "namespaces":
            program += kernel._when("clone", kernel._argument_has_bits(0, kernel.NEW_NAMESPACES))
    program.append((kernel._RET, 0, 0, kernel._ALLOW))
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(buffer)))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(PR_SET_SECCOMP, FILTER, ctypes.addressof(header))
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
