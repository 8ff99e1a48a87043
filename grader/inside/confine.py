"""Locks a forked child down in consecutive steps. ``proof`` then tries what each of them must have made impossible.

Order matters: namespaces and mounts first (Landlock forbids mounting), then the identity, then limits, then
no_new_privs, Landlock and seccomp last, because each step would forbid the ones before it. A step that the machine does
not offer, or that the keeper wants left out, is missing from the returned layers; a step that should work and fails
raises OSError, which ends the child.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import site
import stat
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.inside import kernel

STUDENT_UID = 1000  # as seen inside; outside it is a number of its own for each concurrent run, or the caller's
_SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo")
_PROGRAMS = ("/bin", "/usr/bin", "/usr/include", "/usr/libexec")
_DEVICES = ("/dev/null", "/dev/full", "/dev/random", "/dev/urandom")  # /dev/zero can be mapped as memory that nobody counts
# Not whole: below net/ it tells of the host's sockets, where there is no network namespace.
_PROC_SELF = """
    auxv cmdline comm coredump_filter cgroup environ fd fdinfo io limits maps oom_score oom_score_adj sched schedstat
    smaps smaps_rollup stat statm status timerslack_ns wchan
""".split()
_PROC_FILES = (
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
_PROC_OF_GPUS = (
    "/proc/driver/nvidia",
    "/proc/driver/nvidia-uvm",
    "/proc/devices",
    "/proc/modules",
    "/proc/sys/vm/mmap_min_addr",
)
_CUDA_START_SECONDS = 60  # of CPU time at most, which the warden's sum leaves out
_CUDA_FILE_BYTES = 64 << 20  # of an anonymous file in which it keeps memory that the GPU sees too
_CPU_TOPOLOGY = "/sys/devices/system/cpu"
_DESCRIPTORS = 1024  # a loader's worker needs one for each tensor that it sends
_MOUNT_POINTS = ("/mnt", "/media", "/srv", "/opt", "/run", "/home", "/tmp")


SEARCHING_USER = "own user that may search all folders"


@dataclass(frozen=True, slots=True)
class Gpu:
    """What a run gets of one GPU. Only in a private root: CUDA names its threads, for which all of /proc/self/task is open."""

    nodes: tuple[str, ...]  # device files, to read, write and control
    readable: tuple[str, ...]  # the driver's libraries, and what CUDA reads of /sys
    others: tuple[str, ...]  # device files of other GPUs, which the probe tries to open
    libraries: tuple[str, ...]  # the driver's, where they lie in none of the folders that every program searches
    environment: Mapping[str, str]
    share: float  # of its memory that torch may use


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run is confined to. ``readable`` holds the interpreter's and the libraries' paths and nothing else."""

    without: tuple[str, ...]  # the layers that are not wanted, or were found to be missing here
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
    control_groups: tuple[str, ...]  # as /proc/self/cgroup must name them
    outsiders: tuple[int, ...]  # process ids of keeper and nursery, which the probe tries to look into
    outside_namespaces: tuple[str, ...]  # the nursery's, none of which the child may be in
    forbidden: tuple[str, ...]  # paths outside that the probe tries to open
    gpu: Gpu | None = None

    @property
    def namespaces(self) -> bool:
        return "namespaces" not in self.without


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

    Such a child keeps CAP_DAC_READ_SEARCH. Then Landlock alone holds files from it; the capability can be neither passed
    on nor used on file handles, and reaches no process or network.
    """
    if os.getuid() != 0:
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
    of_gpu = (*plan.gpu.nodes, *plan.gpu.readable) if plan.gpu else ()
    shown = (*plan.readable, *of_gpu)
    root = next((p for p in _MOUNT_POINTS if os.path.isdir(p) and not any(_within(source, p) for source in shown)), None)
    if root is None:
        raise OSError(f"none of {', '.join(_MOUNT_POINTS)} is there and free of libraries, to build a private root on")
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m,mode=755")
    for folder in ("proc", "tmp", "dev/shm", "etc"):
        os.makedirs(f"{root}/{folder}")
    Path(root, "etc/passwd").write_text(f"student:x:{STUDENT_UID}:{STUDENT_UID}::/tmp:/bin/false\n")
    Path(root, "etc/group").write_text(f"student:x:{STUDENT_UID}:\n")
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    owner = f"uid={STUDENT_UID},gid={STUDENT_UID},mode=700,size={plan.file_bytes},nr_inodes=65536"
    _mount_proc(root, flags | kernel.MS_NOEXEC)
    kernel.mount("tmpfs", f"{root}/tmp", "tmpfs", flags, owner)
    kernel.mount("tmpfs", f"{root}/dev/shm", "tmpfs", flags, owner)
    # After /tmp, which would hide an environment that lies below it.
    for path in _outermost((*shown, *_DEVICES, *(_programs() if plan.allow_exec else ()))):
        _show(path, root)
    kernel.make_read_only(root, recursive=False)
    kernel.pivot_root(root)


def _mount_proc(root: str, flags: int) -> None:
    try:
        kernel.mount("proc", f"{root}/proc", "proc", flags)
    except PermissionError as error:
        if over := mounts_below_proc():
            why = f"the kernel gives no new /proc while something is mounted on {', '.join(over)}, which only root can change"
            raise PermissionError(error.errno, why) from None
        raise


def mounts_below_proc() -> list[str]:
    """Where something covers a part of this /proc, as containers have it for a GPU; the last mounted comes first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [place for line in reversed(lines) if (place := line.split()[4]).startswith("/proc/")]


def uncover_proc() -> None:
    """In mounts of its own, where this process may have them; else a run could have no /proc of its own."""
    if os.getuid() != 0 or not mounts_below_proc():
        return
    try:
        kernel.syscall("unshare", kernel.CLONE_NEWNS)
        kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        for place in mounts_below_proc():
            kernel.syscall("umount2", place.encode(), kernel.MNT_DETACH)
    except OSError:
        pass  # a root without the capability; the first run says what is missing


def _programs() -> tuple[str, ...]:
    """Where programs lie, with this interpreter by each name on the way to it and its headers: torch.compile starts it."""
    names = [sys.executable]
    while os.path.islink(names[-1]):
        names.append(os.path.normpath(os.path.join(os.path.dirname(names[-1]), os.readlink(names[-1]))))
    paths = (*_PROGRAMS, *names, os.path.join(sys.prefix, "pyvenv.cfg"), sysconfig.get_path("include"))
    return tuple(path for path in paths if os.path.exists(path))


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
    layers = ["environment"] if "environment" not in plan.without else []
    layers += ["namespaces"] if plan.namespaces else []
    layers += _take_identity(plan)
    layers += ["control group"] if plan.control_groups else []
    os.nice(10)  # however many processes it starts, the warden still gets its turn
    if "limits" not in plan.without:
        _set_limits(plan)
        layers.append("limits")
    if "capabilities" not in plan.without:
        kernel.drop_capabilities(keep=kernel.CAP_DAC_READ_SEARCH if searches(plan) else None)
        layers.append("capabilities")
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # a new user takes it away, and the warden could no longer read smaps_rollup
    if "landlock" not in plan.without and kernel.landlock_abi():
        kernel.landlock(_landlock_rules(plan))
        layers.append("landlock")
    if "seccomp" not in plan.without and _install_filter(plan):
        layers.append("seccomp")
    return layers + (["descriptors"] if "descriptors" not in plan.without else [])


def _install_filter(plan: Plan) -> bool:
    try:
        program = kernel.seccomp_program(allow_exec=plan.allow_exec, private_root=plan.namespaces, gpu=plan.gpu is not None)
        kernel.install_seccomp(program)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EINVAL):
            raise
        return False
    return True


def _take_identity(plan: Plan) -> list[str]:
    uid = STUDENT_UID if plan.namespaces else plan.uid
    if uid is None or os.getuid() == uid or "own user" in plan.without:
        return []
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    kernel.prctl(kernel.PR_SET_KEEPCAPS, searches(plan))
    os.setresuid(uid, uid, uid)
    # The change of credentials has cleared this process's parent-death signal.
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    return [SEARCHING_USER if searches(plan) else "own user"]


def searches(plan: Plan) -> bool:
    """Whether this child keeps CAP_DAC_READ_SEARCH, see ``must_search``."""
    return plan.search and plan.uid is not None


def namespaces_of_this_process() -> tuple[str, ...]:
    """Those of the kinds of which a run has its own."""
    return tuple(os.readlink(f"/proc/self/ns/{kind}") for kind in ("user", "mnt", "pid", "net", "ipc", "uts"))


def _set_limits(plan: Plan) -> None:
    others = 2 if plan.namespaces else 0 if plan.uid else _tasks_of_this_user()  # which the kernel counts too
    limits = {
        resource.RLIMIT_FSIZE: max(plan.file_bytes, _CUDA_FILE_BYTES) if plan.gpu else plan.file_bytes,
        resource.RLIMIT_NPROC: plan.processes + others,
        resource.RLIMIT_NOFILE: _DESCRIPTORS,
        resource.RLIMIT_CORE: 1,  # neither a file nor, which 0 would allow, a pipe to the host's crash handler
        resource.RLIMIT_SIGPENDING: 1024,  # each queued signal and timer is kernel memory
        resource.RLIMIT_MEMLOCK: 65536,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_RTPRIO: 0,
        resource.RLIMIT_NICE: 0,
    }
    if plan.cpu_seconds is not None:
        # A backstop: the warden's sum over the tree comes first. The kernel holds this limit against whole ticks, which on a
        # busy machine were a twelfth more than the time that it reports.
        limits[resource.RLIMIT_CPU] = 2 * int(plan.cpu_seconds) + 2 + (_CUDA_START_SECONDS if plan.gpu else 0)
    for which, value in limits.items():
        _limit(which, value)
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        pass  # the kernel's choice among victims, never a limit


def limit_memory(plan: Plan) -> None:
    """Addresses that this process may use from now on, beside those that it has.

    CUDA reserves far more of them than it uses, so that with a GPU the control group and the warden's samples are the limit.
    """
    if plan.gpu:
        return
    with open("/proc/self/statm") as statm:
        held = int(statm.read().split()[0]) * resource.getpagesize()
    _limit(resource.RLIMIT_AS, held + plan.memory_bytes)


def _limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


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
    rules = [(path, kernel.LL_READ | execute) for path in (*plan.readable, "/etc/passwd", "/etc/group")]
    rules += [(path, kernel.LL_READ | execute) for path in (_programs() if plan.allow_exec else ())]
    rules += [(path, kernel.LL_READ) for path in (*_PROC_FILES, *(f"/proc/self/{name}" for name in _PROC_SELF))]
    rules.append(("/proc/self", kernel.LL_READ_DIR))
    rules += [(path, kernel.LL_READ_FILE | kernel.LL_WRITE_FILE) for path in _DEVICES]
    rules.append((plan.scratch, kernel.LL_WRITE | execute))
    if plan.gpu:
        rules += [(path, kernel.LL_READ_FILE | kernel.LL_WRITE_FILE | kernel.LL_IOCTL_DEV) for path in plan.gpu.nodes]
        rules += [(path, kernel.LL_READ) for path in (*plan.gpu.readable, *_PROC_OF_GPUS)]
        rules.append(("/proc/self/task", kernel.LL_READ | kernel.LL_WRITE_FILE | kernel.LL_TRUNCATE))
    if plan.namespaces:
        rules += [("/dev/shm", kernel.LL_WRITE), ("/tmp", kernel.LL_WRITE | execute)]
    return rules
