"""What attacks aim at: a scratch folder, sockets and a process made for them. The corpus puts this file beside each attack.

Below it the corpus adds what is where: FOLDER, HIDDEN (a file), SOCKET (a path), ABSTRACT (a name), TCP and UDP (ports of
127.0.0.1), PID (the scratch process), KEEPER (the grader's process), VARIABLE (in the grader's environment) and CANARY,
which stands in the file, in the process's environment and memory, and is what each socket answers.
"""

import ctypes
import errno
import json
import os
import signal
import struct
import time

libc = ctypes.CDLL(None, use_errno=True)


def must_not(attempt):
    """Make the attempt. Being refused is no event; what is not refused ends the process with a word that the corpus looks for."""
    try:
        found = attempt()
    except (OSError, ValueError, LookupError):
        return
    breach(found)


def breach(found=None):
    os.write(1, f"BREACH: {found!r}\n".encode()[:2000])
    os._exit(99)


def call(name, *arguments):
    """A function of libc's by its name. Raises OSError where it returns -1."""
    result = getattr(libc, name)(*arguments)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def syscall(number, *arguments):
    return call("syscall", ctypes.c_long(number), *arguments)


NUMBERS = {  # of what libc has no function for: x86_64, aarch64
    "add_key": (248, 217), "bpf": (321, 280), "clone": (56, 220), "clone3": (435, 435), "delete_module": (176, 106),
    "execveat": (322, 281), "fchmodat2": (452, 452), "file_setattr": (469, 469), "finit_module": (313, 273),
    "fsmount": (432, 432), "fsopen": (430, 430), "fspick": (433, 433), "get_robust_list": (274, 100),
    "init_module": (175, 105), "io_setup": (206, 0), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425), "ioperm": (173, None), "iopl": (172, None), "ioprio_set": (251, 30), "kcmp": (312, 272),
    "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219), "landlock_create_ruleset": (444, 444),
    "listmount": (458, 458), "lsm_list_modules": (461, 461), "memfd_secret": (447, 447), "migrate_pages": (256, 238),
    "modify_ldt": (154, None), "mount_setattr": (442, 442), "move_mount": (429, 429), "move_pages": (279, 239),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "mseal": (462, 462), "open_tree": (428, 428),
    "open_tree_attr": (467, 467), "openat2": (437, 437), "perf_event_open": (298, 241), "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41), "process_madvise": (440, 440), "process_mrelease": (448, 448), "quotactl_fd": (443, 443),
    "reboot": (169, 142), "request_key": (249, 218), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "sched_setattr": (314, 274), "seccomp": (317, 277), "settimeofday": (164, 170), "setxattrat": (463, 463), "statmount": (457, 457),
    "sync": (162, 81), "tgkill": (234, 131), "userfaultfd": (323, 282),
}  # fmt: skip


def kernel(name, *arguments):
    """A system call by its name. Raises LookupError where the machine has none such."""
    number = dict(zip(("x86_64", "aarch64"), NUMBERS[name]))[os.uname().machine]
    if number is None:
        raise LookupError(name)
    return syscall(number, *(ctypes.c_long(one) if isinstance(one, int) else one for one in arguments))


def reach(attempt, *arguments):
    """What an attempt finds that gets as far as the kernel, be it an error: only to be told off raises OSError."""
    try:
        return attempt(*arguments)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            raise
        return error


def send(record, more=b""):
    """A record in the form of the result channel."""
    text = record if isinstance(record, bytes) else json.dumps(record).encode()
    os.write(3, struct.pack("<I", len(text)) + text + more)


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def fork(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def daemon(work):
    """A process that has left its session, its parent and its signals behind, as far as it may."""

    def middle():
        try:
            os.setsid()
        except OSError:
            pass
        for number in range(1, 32):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        libc.prctl(1, 0)
        fork(work)

    os.waitpid(fork(middle), 0)
