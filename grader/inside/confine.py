"""Locks a forked child down in consecutive steps, then proves that each step holds.

Order matters: namespaces and mounts first (Landlock forbids mounting), then the identity, then limits, then
no_new_privs, Landlock and seccomp last, because each step would forbid the ones before it. A step that the machine does
not offer is left out of the returned layers; a step that should work and fails raises OSError, which ends the child.
"""

from __future__ import annotations

import errno
import mmap
import os
import resource
import signal
import site
import socket
import stat
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from grader.inside import kernel

STUDENT_UID = 1000  # as seen inside; outside it is a number of its own for each concurrent run, or the caller's
_SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo")
_PROGRAMS = ("/bin", "/usr/bin", "/usr/include", "/usr/libexec")
_DEVICES = ("/dev/null", "/dev/full", "/dev/random", "/dev/urandom")  # /dev/zero can be mapped as memory that nobody counts
_PROC_FILES = (
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/version",
    "/proc/filesystems",
    "/proc/uptime",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/kernel/osrelease",
)
_CPU_TOPOLOGY = "/sys/devices/system/cpu"
_MOUNT_POINTS = ("/mnt", "/media", "/srv", "/opt", "/run", "/home", "/tmp")


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run is confined to. ``readable`` holds the interpreter's and the libraries' paths and nothing else."""

    namespaces: bool
    readable: tuple[str, ...]
    scratch: str  # the only folder that can be written: home, /tmp and working folder in one
    uid: int | None  # of its own when the grader runs as root without namespaces
    allow_exec: bool
    memory_bytes: int
    file_bytes: int
    cpu_seconds: float | None  # None where the rubric's clock is the wall's
    wall_seconds: float | None  # not counting waits for a processor; None where the keeper's own clock is the limit
    processes: int
    search: bool  # the interpreter lies where other users can't go, see ``must_search``
    outsiders: tuple[int, ...]  # process ids of keeper and nursery, which the probe tries to look into
    forbidden: tuple[str, ...]  # paths outside that the probe tries to open


def readable_paths(forbidden: Iterable[str]) -> tuple[str, ...]:
    """Folders that an interpreter with its libraries is made of, and none that holds a forbidden one."""
    paths = [sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [str(Path(entry) / "lib-dynload") for entry in paths[:2]]
    paths += [*site.getsitepackages(), *_SYSTEM_LIBRARIES, _CPU_TOPOLOGY, str(Path(__file__).parent / "assignment")]
    found = dict.fromkeys(path for path in paths if os.path.exists(path))
    for mapped in _mapped_files():
        if not any(_within(mapped, path) for path in found):
            found[mapped] = None
    for path in list(found):
        found.setdefault(os.path.realpath(path))
    return tuple(path for path in found if not any(_within(os.path.realpath(secret), path) for secret in forbidden))


def must_search(paths: Iterable[str]) -> bool:
    """Whether a user of their own could not reach the libraries, because they lie below a folder like root's 0700 home.

    Such a child keeps CAP_DAC_READ_SEARCH. Then Landlock alone holds files from it, which is why there is no other way
    where Landlock is missing; it can be neither passed on nor used on file handles, and reaches no process or network.
    """
    if os.getuid() != 0 or not kernel.landlock_abi():
        return False
    folders = {folder for path in paths for folder in (*map(str, Path(path).parents), *map(str, Path(path).resolve().parents))}
    return not all(os.stat(folder).st_mode & stat.S_IXOTH for folder in folders)


def _mapped_files() -> Iterable[str]:
    """Shared libraries already loaded from elsewhere, such as a conda environment's libstdc++."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            path = line.split(maxsplit=5)[-1].strip()
            if path.startswith("/") and (path.endswith(".so") or ".so." in path) and os.path.isfile(path):
                yield path


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


# --- the warden's part ------------------------------------------------------------------------------------------------


def build_private_root(plan: Plan) -> None:
    """A file system that shows only ``plan.readable``, an own /proc and /dev, and an empty /tmp and /dev/shm."""
    root = next((p for p in _MOUNT_POINTS if os.path.isdir(p) and not any(_within(source, p) for source in plan.readable)), None)
    if root is None:
        raise OSError(f"none of {', '.join(_MOUNT_POINTS)} is there and free of libraries, to build a private root on")
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=755")
    for folder in ("proc", "tmp", "dev/shm", "etc"):
        os.makedirs(f"{root}/{folder}")
    Path(root, "etc/passwd").write_text(f"student:x:{STUDENT_UID}:{STUDENT_UID}::/tmp:/bin/false\n")
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    owner = f"uid={STUDENT_UID},gid={STUDENT_UID},mode=700,size={plan.file_bytes},nr_inodes=65536"
    kernel.mount("proc", f"{root}/proc", "proc", flags | kernel.MS_NOEXEC)
    kernel.mount("tmpfs", f"{root}/tmp", "tmpfs", flags, owner)
    kernel.mount("tmpfs", f"{root}/dev/shm", "tmpfs", flags, owner)
    # After /tmp, which would hide an environment that lies below it.
    programs = tuple(path for path in _PROGRAMS if plan.allow_exec and os.path.exists(path))
    for path in _outermost((*plan.readable, *_DEVICES, *programs)):
        _show(path, root)
    kernel.make_read_only(root, recursive=False)
    kernel.pivot_root(root)


def _outermost(paths: Iterable[str]) -> list[str]:
    """Without those that lie within another: they come with it."""
    unique = sorted(set(paths))
    return [path for path in unique if not any(_within(path, other) for other in unique if other != path)]


def _show(path: str, root: str) -> None:
    target = root + path
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        open(target, "x").close()
    kernel.mount(path, target, None, kernel.MS_BIND | kernel.MS_REC)
    kernel.make_read_only(target)


# --- the child's part -------------------------------------------------------------------------------------------------


def lock_down(plan: Plan) -> list[str]:
    """Confine this process for good. Returns the layers now in force, in the order in which they were applied."""
    layers = ["namespaces"] if plan.namespaces else []
    layers += _take_identity(plan)
    _set_limits(plan)
    layers.append("limits")
    kernel.drop_capabilities(keep=kernel.CAP_DAC_READ_SEARCH if _searches(plan) else None)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # a new user takes it away, and the warden could no longer read smaps_rollup
    layers.append("no new privileges")
    if kernel.landlock_abi():
        kernel.landlock(_landlock_rules(plan))
        layers.append("landlock")
    try:
        kernel.install_seccomp(kernel.seccomp_program(allow_exec=plan.allow_exec, private_root=plan.namespaces))
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EINVAL):
            raise
    else:
        layers.append("seccomp")
    return layers


def _take_identity(plan: Plan) -> list[str]:
    uid = STUDENT_UID if plan.namespaces else plan.uid
    if uid is None or os.getuid() == uid:
        return []
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    kernel.prctl(kernel.PR_SET_KEEPCAPS, _searches(plan))
    os.setresuid(uid, uid, uid)
    # The change of credentials has cleared this process's parent-death signal.
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    return ["own user that may search all folders" if _searches(plan) else "own user"]


def _searches(plan: Plan) -> bool:
    return plan.search and plan.uid is not None


def _set_limits(plan: Plan) -> None:
    os.nice(10)  # however many processes it starts, the warden still gets its turn
    with open("/proc/self/statm") as statm:
        inherited = int(statm.read().split()[0]) * resource.getpagesize()
    others = 2 if plan.namespaces else 0 if plan.uid else _tasks_of_this_user()  # which the kernel counts too
    limits = {
        resource.RLIMIT_AS: inherited + plan.memory_bytes,
        resource.RLIMIT_FSIZE: plan.file_bytes,
        resource.RLIMIT_NPROC: plan.processes + others,
        resource.RLIMIT_NOFILE: 1024,
        resource.RLIMIT_CORE: 1,  # neither a file nor, which 0 would allow, a pipe to the host's crash handler
        resource.RLIMIT_SIGPENDING: 1024,  # each queued signal and timer is kernel memory
        resource.RLIMIT_MEMLOCK: 65536,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_RTPRIO: 0,
        resource.RLIMIT_NICE: 0,
    }
    if plan.cpu_seconds is not None:
        limits[resource.RLIMIT_CPU] = int(plan.cpu_seconds) + 2  # a backstop: the warden's sum over the tree comes first
    for which, value in limits.items():
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        pass  # the kernel's choice among victims, never a limit


def _tasks_of_this_user() -> int:
    """Processes and threads that already count against the user's limit, where the children have no user of their own."""
    count = 0
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.stat(f"/proc/{entry}").st_uid == os.getuid():
                count += os.stat(f"/proc/{entry}/task").st_nlink - 2
        except OSError:
            continue  # ended meanwhile
    return count


def _landlock_rules(plan: Plan) -> list[tuple[str, int]]:
    execute = kernel.LL_EXECUTE if plan.allow_exec else 0
    rules = [(path, kernel.LL_READ | execute) for path in (*plan.readable, "/etc/passwd")]
    rules += [(path, kernel.LL_READ | execute) for path in _PROGRAMS if plan.allow_exec]
    rules += [(path, kernel.LL_READ) for path in _PROC_FILES]
    rules += [(path, kernel.LL_READ_FILE | kernel.LL_WRITE_FILE) for path in _DEVICES]
    rules.append((plan.scratch, kernel.LL_WRITE | execute))
    if plan.namespaces:
        rules += [("/dev/shm", kernel.LL_WRITE), ("/tmp", kernel.LL_WRITE | execute)]
    return rules


# --- the proof --------------------------------------------------------------------------------------------------------

AGREED_DESCRIPTORS = frozenset(range(5))  # nothing to read, log, log, result, source
_AGREED_ENVIRONMENT = frozenset(
    """PATH LANG LC_CTYPE HOME USER LOGNAME MPLBACKEND MPLCONFIGDIR IPYTHONDIR OMP_NUM_THREADS OPENBLAS_NUM_THREADS
    MKL_NUM_THREADS CUDA_VISIBLE_DEVICES PYTORCH_NVML_BASED_CUDA_CHECK JOBLIB_MULTIPROCESSING PYTHONHASHSEED""".split()
)


def probe(plan: Plan) -> list[str]:
    """Try what must fail and what must work, before any line of the submission is read. Returns what came out wrong."""
    wrong = [name for name, attempt in _must_fail(plan).items() if not _refused(attempt)]
    return wrong + [name for name, attempt in _must_work(plan).items() if not _works(attempt)]


def _must_fail(plan: Plan) -> dict[str, Callable[[], object]]:
    """What only an OSError may answer: anything else, even another exception, means that nothing is proved."""
    attempts: dict[str, Callable[[], object]] = {f"open {path}": partial(_open, path) for path in plan.forbidden}
    attempts |= {
        "open a TCP socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close(),
        "open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
        "new user namespace": lambda: kernel.syscall("unshare", kernel.CLONE_NEWUSER),
        "mount": lambda: kernel.mount("tmpfs", plan.scratch, "tmpfs", 0),
        "trace its warden": lambda: kernel.syscall("ptrace", 16, os.getppid(), 0, 0),
        "signal its warden": lambda: os.kill(os.getppid(), 0),
        "read its warden's environment": lambda: _open(f"/proc/{os.getppid()}/environ"),
        "io_uring": lambda: kernel.syscall("io_uring_setup", 1, 0),
        "keyrings": lambda: kernel.syscall("keyctl", 0, -3, 0),
        "become root": lambda: os.setuid(0),
        "write beside the libraries": lambda: _open(os.path.dirname(os.__file__), os.O_TMPFILE | os.O_WRONLY),
        "shared memory without a file": lambda: mmap.mmap(-1, mmap.PAGESIZE).close(),
    }
    if plan.namespaces:
        attempts["see a foreign process"] = _see_a_foreign_process
    else:  # a private /proc has other processes under these numbers
        attempts |= {f"read the environment of process {pid}": partial(_open, f"/proc/{pid}/environ") for pid in plan.outsiders}
    if not plan.allow_exec:
        attempts["start a program"] = _start_a_program
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


def _must_work(plan: Plan) -> dict[str, Callable[[], object]]:
    def write_scratch() -> None:
        path = Path(plan.scratch, ".probe")
        path.write_bytes(b"x")
        path.unlink()

    def make_socket_pair() -> None:
        for end in socket.socketpair():
            end.close()

    return {
        "hold no further descriptor": _hold_no_further_descriptor,
        "hold nothing of the caller's environment": _hold_no_foreign_environment,
        "see the libraries": lambda: [os.stat(path) for path in plan.readable],
        "read the standard library": lambda: Path(os.__file__).read_bytes(),
        "write its own folder": write_scratch,
        "read /proc/self": lambda: Path("/proc/self/stat").read_bytes(),
        "random numbers": lambda: os.urandom(8),
        "/dev/null": lambda: os.close(os.open("/dev/null", os.O_RDWR)),
        "a socket pair": make_socket_pair,
    }


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


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return True
    except Exception:
        return False
    return False


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except Exception:
        return False
    return True
