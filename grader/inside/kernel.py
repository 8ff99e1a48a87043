"""The Linux system calls that Python lacks: clone, mount, Landlock, seccomp, capabilities. One small audited module.

Every function raises OSError where the kernel refuses. Numbers are those of the kernel's UAPI headers for x86_64 and
aarch64; the machine's own column is chosen once, at import.
"""

from __future__ import annotations

import ctypes
import os
import platform
import stat
import struct
from collections.abc import Iterable

# PyDLL keeps the GIL across the call, which a raw clone needs: its child must find the interpreter lock held by itself.
_libc = ctypes.PyDLL(None, use_errno=True)

_COLUMN = {"x86_64": 0, "aarch64": 1}.get(platform.machine(), -1)
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}.get(platform.machine(), 0)
HIGHEST_KNOWN_SYSCALL = 456  # futex_requeue; anything newer is refused with ENOSYS until somebody has looked at it

# name: (x86_64, aarch64); None where the architecture has no such call
SYSCALLS: dict[str, tuple[int | None, int | None]] = {
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280), "capset": (126, 91),
    "chmod": (90, None), "chown": (92, None), "chroot": (161, 51), "clock_adjtime": (305, 266), "clock_settime": (227, 112),
    "clone": (56, 220), "clone3": (435, 435), "close_range": (436, 436), "connect": (42, 203), "create_module": (174, None),
    "delete_module": (176, 106), "execve": (59, 221), "execveat": (322, 281), "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "fchown": (93, 55),
    "fchownat": (260, 54), "finit_module": (313, 273), "fremovexattr": (199, 16), "fsconfig": (431, 431),
    "fsetxattr": (190, 7), "fsmount": (432, 432), "fsopen": (430, 430), "fspick": (433, 433), "futimesat": (261, None),
    "init_module": (175, 105), "inotify_add_watch": (254, 27), "inotify_init": (253, None), "inotify_init1": (294, 26),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_uring_setup": (425, 425), "ioctl": (16, 29),
    "ioperm": (173, None), "iopl": (172, None), "ioprio_set": (251, 30), "kcmp": (312, 272), "kexec_file_load": (320, 294),
    "kexec_load": (246, 104), "keyctl": (250, 219), "landlock_add_rule": (445, 445), "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446), "lchown": (94, None), "lookup_dcookie": (212, 18), "lremovexattr": (198, 15),
    "lsetxattr": (189, 6), "memfd_create": (319, 279), "memfd_secret": (447, 447), "migrate_pages": (256, 238),
    "mknod": (133, None), "mknodat": (259, 33), "mmap": (9, 222), "modify_ldt": (154, None), "mount": (165, 40),
    "mount_setattr": (442, 442), "move_mount": (429, 429), "move_pages": (279, 239), "mq_open": (240, 180),
    "mq_unlink": (241, 181), "msgctl": (71, 187), "msgget": (68, 186), "msgrcv": (70, 188), "msgsnd": (69, 189),
    "name_to_handle_at": (303, 264), "nfsservctl": (180, 42), "open_by_handle_at": (304, 265), "open_tree": (428, 428),
    "perf_event_open": (298, 241), "personality": (135, 92), "pidfd_getfd": (438, 438), "pivot_root": (155, 41),
    "prctl": (157, 167), "prlimit64": (302, 261), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "reboot": (169, 142), "removexattr": (197, 14), "request_key": (249, 218),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "seccomp": (317, 277), "semctl": (66, 191), "semget": (64, 190), "semop": (65, 193),
    "semtimedop": (220, 192), "setdomainname": (171, 162), "setfsgid": (123, 152), "setfsuid": (122, 151),
    "setgid": (106, 144), "setgroups": (116, 159), "sethostname": (170, 161), "setns": (308, 268), "setpriority": (141, 140),
    "setregid": (114, 143), "setresgid": (119, 149), "setresuid": (117, 147), "setreuid": (113, 145), "setsid": (112, 157),
    "settimeofday": (164, 170), "setuid": (105, 146), "setxattr": (188, 5), "shmat": (30, 196), "shmctl": (31, 195),
    "shmdt": (67, 197), "shmget": (29, 194), "socket": (41, 198), "swapoff": (168, 225), "swapon": (167, 224),
    "sync": (162, 81), "syncfs": (306, 267), "_sysctl": (156, None), "sysfs": (139, None), "syslog": (103, 116),
    "umount2": (166, 39), "unshare": (272, 97), "uselib": (134, None), "userfaultfd": (323, 282), "ustat": (136, None),
    "utime": (132, None), "utimensat": (280, 88), "utimes": (235, None), "vhangup": (153, 58),
    "bind": (49, 200), "fcntl": (72, 25), "fgetxattr": (193, 10), "flistxattr": (196, 13), "getxattr": (191, 8),
    "io_cancel": (210, 3), "io_destroy": (207, 1), "io_getevents": (208, 4), "io_pgetevents": (333, 292),
    "io_setup": (206, 0), "io_submit": (209, 2), "lgetxattr": (192, 9), "listxattr": (194, 11), "llistxattr": (195, 12),
    "sendfile": (40, 71), "socketpair": (53, 199), "splice": (275, 76), "tee": (276, 77), "vmsplice": (278, 75),
}  # fmt: skip

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
NEW_NAMESPACES = 0x7E020000  # the above and cgroup: what a child may not ask clone for
CLONE_PIDFD, SIGCHLD = 0x00001000, 17

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
MNT_DETACH = 2
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 1, 2
_AT_RECURSIVE, _AT_FDCWD = 0x8000, -100
HUGE_PAGE, _MADV_COLLAPSE = 2 << 20, 25

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 8, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
CAP_DAC_READ_SEARCH = 2
_PR_SCHED_CORE = 62  # a whole core to oneself
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4


def number(name: str) -> int | None:
    """The system call's number on this machine, or None where it has none."""
    return SYSCALLS[name][_COLUMN] if _COLUMN >= 0 else None


def syscall(name: str, *arguments: object) -> int:
    nr = number(name)
    if nr is None:
        raise OSError(38, f"{name}: not known on {platform.machine()}")
    result = int(_libc.syscall(ctypes.c_long(nr), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def prctl(option: int, *arguments: int) -> None:
    padded = (*arguments, 0, 0, 0, 0)[:4]
    if _libc.prctl(option, *(ctypes.c_ulong(a) for a in padded)) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def clone(flags: int) -> tuple[int, int]:
    """fork() into new namespaces. Returns (pid, pidfd) in the parent and (0, -1) in the child.

    Only for a single-threaded process: libc's own fork handlers do not run, Python's do.
    """
    pidfd = ctypes.c_int(-1)
    ctypes.pythonapi.PyOS_BeforeFork()
    try:
        pid = syscall("clone", flags | CLONE_PIDFD | SIGCHLD, 0, ctypes.byref(pidfd), 0, 0)
    except OSError:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
        raise
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0, -1
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    os.set_inheritable(pidfd.value, False)
    return pid, pidfd.value


def mount(source: str, target: str, filesystem: str | None, flags: int, options: str = "") -> None:
    kind = filesystem.encode() if filesystem else None
    syscall("mount", source.encode(), target.encode(), kind, flags, options.encode() or None)


def make_read_only(target: str, *, recursive: bool = True) -> None:
    """Read-only and without setuid, for the mount at ``target`` and, unless told otherwise, all below it."""
    attributes = struct.pack("=QQQQ", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
    syscall("mount_setattr", _AT_FDCWD, target.encode(), _AT_RECURSIVE if recursive else 0, attributes, len(attributes))


def pivot_root(new_root: str) -> None:
    """Make ``new_root`` the root and let go of everything else."""
    os.chdir(new_root)
    syscall("pivot_root", b".", b".")  # stacks the old root on top of the new one, see pivot_root(2)
    syscall("umount2", b".", MNT_DETACH)
    os.chdir("/")


def close_from(first: int) -> None:
    syscall("close_range", first, 0xFFFFFFFF, 0)


def drop_capabilities(keep: int | None = None) -> None:
    """Empty the capability sets of this thread, but for one that it may ``keep`` for itself and never pass on."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # past the kernel's last capability, or without CAP_SETPCAP, where no_new_privs has to do
    try:
        prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    except OSError:
        pass
    kept = 0 if keep is None else 1 << keep
    header, data = struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", kept, kept, 0, 0, 0, 0)
    syscall("capset", header, data)


def collapse(start: int, end: int) -> bool:
    """Back the whole huge pages between two addresses by huge pages. False where the kernel can't, or won't now."""
    start, end = -(-start // HUGE_PAGE) * HUGE_PAGE, end // HUGE_PAGE * HUGE_PAGE
    if start >= end:
        return True
    return bool(_libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_COLLAPSE) == 0)


# --- Landlock ---------------------------------------------------------------------------------------------------------

LL_EXECUTE, LL_WRITE_FILE, LL_READ_FILE, LL_READ_DIR, LL_REMOVE_DIR, LL_REMOVE_FILE = 1, 2, 4, 8, 16, 32
LL_MAKE_CHAR, LL_MAKE_DIR, LL_MAKE_REG, LL_MAKE_SOCK, LL_MAKE_FIFO, LL_MAKE_BLOCK, LL_MAKE_SYM = (
    64,
    128,
    256,
    512,
    1024,
    2048,
    4096,
)
LL_REFER, LL_TRUNCATE, LL_IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
LL_READ = LL_READ_FILE | LL_READ_DIR
LL_WRITE = (
    LL_READ | LL_WRITE_FILE | LL_REMOVE_DIR | LL_REMOVE_FILE | LL_MAKE_DIR | LL_MAKE_REG | LL_MAKE_SOCK | LL_MAKE_FIFO
    | LL_MAKE_SYM | LL_REFER | LL_TRUNCATE
)  # fmt: skip
_ON_FILES = LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE | LL_IOCTL_DEV
_SCOPE_ABSTRACT_UNIX, _SCOPE_SIGNAL = 1, 2


def landlock_abi() -> int:
    """Version of the kernel's Landlock interface, 0 where there is none."""
    try:
        return syscall("landlock_create_ruleset", None, 0, 1)
    except OSError:
        return 0


def landlock(rules: Iterable[tuple[str, int]], *, files: bool = True) -> int:
    """Restrict this thread for good to (path, rights) rules: no TCP, no signal or abstract socket out of its domain.

    ``files=False`` restricts signals alone. Rights that the kernel's ABI lacks are left out. Missing paths are passed
    over, since each rule only allows. Returns the ABI. Needs no_new_privs.
    """
    abi = landlock_abi()
    if not abi:
        raise OSError(38, "landlock: not in this kernel, or switched off")
    fs = (1 << (13 + (abi >= 2) + (abi >= 3) + (abi >= 5))) - 1 if files else 0
    net = 3 if abi >= 4 and files else 0
    scoped = (_SCOPE_SIGNAL | (_SCOPE_ABSTRACT_UNIX if files else 0)) if abi >= 6 else 0
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = syscall("landlock_create_ruleset", struct.pack("=QQQ", fs, net, scoped)[:size], size, 0)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & fs)
        syscall("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _ON_FILES
        syscall("landlock_add_rule", ruleset, 1, struct.pack("=Qi", rights, fd), 0)
    finally:
        os.close(fd)


# --- seccomp ----------------------------------------------------------------------------------------------------------

_LOAD, _AND, _JEQ, _JGT, _JGE, _JSET, _RET = 0x20, 0x54, 0x15, 0x25, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_EPERM, _EACCES, _ENOSYS, _ENOTSUP = 1, 13, 38, 95
_NR, _ARCH, _ARGUMENTS = 0, 4, 16
_AF_UNIX, _SOCK_STREAM, _SOCK_SEQPACKET = 1, 1, 5
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
# FS_IOC_SETFLAGS, FSSETXATTR, SETFSLABEL, ENABLE_VERITY, SETVERSION and SET_ENCRYPTION_POLICY: none needs a right to write.
_FILE_FLAGS = (0x40086602, 0x40046602, 0x401C5820, 0x41009432, 0x40806685, 0x40087602, 0x40086604, 0x800C6613)
_OF_THE_NETWORK = (range(0x8900, 0x8A00),)  # SIOC...: any socket tells of the host's interfaces
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE, _F_NOTIFY = 8, 10, 15, 1024, 1026
_MAP_SHARED, _MAP_ANONYMOUS, _MAP_HUGETLB = 0x01, 0x20, 0x40000

Instruction = tuple[int, int, int, int]

_NEVER = """
    ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp process_madvise process_mrelease mount umount2
    pivot_root chroot unshare setns open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr swapon swapoff
    quotactl quotactl_fd acct init_module finit_module delete_module create_module kexec_load kexec_file_load reboot
    bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key
    settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname syslog iopl ioperm open_by_handle_at
    name_to_handle_at fanotify_init fanotify_mark lookup_dcookie setpriority ioprio_set sched_setscheduler
    sched_setparam sched_setattr sched_setaffinity migrate_pages move_pages shmget shmat shmctl shmdt msgget msgsnd
    msgrcv msgctl semget semop semctl semtimedop mq_open mq_unlink setuid setgid setreuid setregid setresuid setresgid
    setgroups setfsuid setfsgid capset personality mknod mknodat vhangup modify_ldt nfsservctl uselib ustat sysfs
    _sysctl memfd_secret memfd_create landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp sync syncfs
    setsid inotify_init inotify_init1 inotify_add_watch io_setup io_submit io_getevents io_pgetevents io_cancel io_destroy
    sendfile splice vmsplice tee
""".split()  # setsid: processor time is shared out fairly among sessions, of which a run has one
# inotify: who reads the libraries is nobody's business. sendfile and the next: what a pipe holds of a file or of memory that
# is gone stands in no figure; Python and its libraries copy by read and write where these are refused.

# Harmless where a private root holds nothing but the child's own files; elsewhere they reach what Landlock leaves open.
_METADATA = """
    chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat setxattr lsetxattr
    fsetxattr removexattr lremovexattr fremovexattr connect bind
""".split()
_ATTRIBUTES = ("getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr")
_EXEC = ("execve", "execveat")


def seccomp_program(*, allow_exec: bool, private_root: bool, gpu: bool = False) -> bytes:
    """The filter as BPF: foreign architectures die, unknown calls are ENOSYS, forbidden ones EPERM, the rest is allowed.

    With ``gpu``, what CUDA starts with: shared memory without a file.
    """
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_JEQ, 1, 0, _AUDIT_ARCH),
        (_RET, 0, 0, _KILL),
        (_LOAD, 0, 0, _NR),
        (_JGT, 0, 1, HIGHEST_KNOWN_SYSCALL),  # x86_64's x32 calls have bit 30 set, so they end here too
        (_RET, 0, 0, _ERRNO | _ENOSYS),
    ]
    denied = [
        *(name for name in _NEVER if not (gpu and name == "memfd_create")),
        *(() if allow_exec else _EXEC),
        *(() if private_root else _METADATA),
    ]
    for name in denied:
        program += _when(name, [(_RET, 0, 0, _ERRNO | _EPERM)])
    for name in () if private_root else _ATTRIBUTES:
        program += _when(name, [(_RET, 0, 0, _ERRNO | _ENOTSUP)])  # as of a file system without; what copies files expects it
    program += _when("clone3", [(_RET, 0, 0, _ERRNO | _ENOSYS)])  # its flags lie in memory that a filter can't read
    program += _when("clone", _argument_has_bits(0, NEW_NAMESPACES))
    for name in ("socket", "socketpair"):
        program += _when(name, _LOCAL_SOCKETS if private_root else _LOCAL_STREAMS)
    program += _when("prlimit64", _argument_must_be(0, 0, _EPERM))
    program += _when("ioctl", _argument_must_not_be(1, _TIOCSTI, _TIOCLINUX, *_FILE_FLAGS, *_OF_THE_NETWORK))
    program += _when("prctl", _argument_must_not_be(0, PR_SET_DUMPABLE, PR_SET_SECCOMP, _PR_SCHED_CORE))
    program += _when("fcntl", _argument_must_not_be(1, _F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE, _F_NOTIFY))
    program += [] if gpu else _when("mmap", _NO_UNSEEN_MEMORY)
    program.append((_RET, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def install_seccomp(program: bytes) -> None:
    """Install a filter on this thread. Needs no_new_privs."""
    if not _AUDIT_ARCH:
        raise OSError(38, f"seccomp: no system call table for {platform.machine()}")
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    syscall("seccomp", 1, 0, header)


# Shared memory without a file, and huge pages: once unmapped for a moment they stand in no figure that the warden adds up.
# Like memfd_create, which has none either; shared memory of the run's own /dev/shm is counted and does the same.
_NO_UNSEEN_MEMORY: list[Instruction] = [
    (_LOAD, 0, 0, _ARGUMENTS + 8 * 3),
    (_JSET, 2, 0, _MAP_HUGETLB),
    (_JSET, 0, 2, _MAP_SHARED),
    (_JSET, 0, 1, _MAP_ANONYMOUS),
    (_RET, 0, 0, _ERRNO | _EPERM),
    (_RET, 0, 0, _ALLOW),
]


_LOCAL_SOCKETS: list[Instruction] = [
    (_LOAD, 0, 0, _ARGUMENTS),
    (_JEQ, 1, 0, _AF_UNIX),
    (_RET, 0, 0, _ERRNO | _EACCES),
    (_RET, 0, 0, _ALLOW),
]
# Datagrams reach any socket whose path is known without connect being called.
_LOCAL_STREAMS: list[Instruction] = [
    *_LOCAL_SOCKETS[:-1],
    (_LOAD, 0, 0, _ARGUMENTS + 8),
    (_AND, 0, 0, 0xF),  # without SOCK_NONBLOCK and SOCK_CLOEXEC
    (_JEQ, 2, 0, _SOCK_STREAM),
    (_JEQ, 1, 0, _SOCK_SEQPACKET),
    (_RET, 0, 0, _ERRNO | _EACCES),
    (_RET, 0, 0, _ALLOW),
]


def _when(name: str, body: list[Instruction]) -> list[Instruction]:
    nr = number(name)
    return [] if nr is None else [(_JEQ, 0, len(body), nr), *body]


def _argument_must_be(index: int, value: int, code: int) -> list[Instruction]:
    return [
        (_LOAD, 0, 0, _ARGUMENTS + 8 * index),
        (_JEQ, 1, 0, value),
        (_RET, 0, 0, _ERRNO | code),
        (_RET, 0, 0, _ALLOW),
    ]


def _argument_must_not_be(index: int, *values: int | range) -> list[Instruction]:
    refuse = (_RET, 0, 0, _ERRNO | _EPERM)
    program: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENTS + 8 * index)]
    for value in values:
        if isinstance(value, range):
            program += [(_JGE, 0, 2, value.start), (_JGE, 1, 0, value.stop), refuse]
        else:
            program += [(_JEQ, 0, 1, value), refuse]
    return [*program, (_RET, 0, 0, _ALLOW)]


def _argument_has_bits(index: int, bits: int) -> list[Instruction]:
    return [
        (_LOAD, 0, 0, _ARGUMENTS + 8 * index),
        (_JSET, 0, 1, bits),
        (_RET, 0, 0, _ERRNO | _EPERM),
        (_RET, 0, 0, _ALLOW),
    ]
