"""The NVIDIA GPUs of this machine, by the driver's own management library (NVML): no CUDA context is made here.

``cuda:N`` counts those that CUDA_VISIBLE_DEVICES leaves, in the order in which it names them, as torch does; without it
they stand in the order of their places on the bus, which the grader asks of CUDA as well.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pynvml

from grader.errors import GraderError, UsageError

_CONTROL_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")
_LIBRARY = "libcuda.so.1"
_ALSO_LOADED = ("libnvidia-ml", "libnvidia-ptxjitcompiler", "libnvidia-nvvm", "libnvidia-gpucomp")  # by CUDA, when it needs them
# Where distributions and containers put the driver's libraries besides the folders that every program searches.
_DRIVER_FOLDERS = ("/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/usr/lib/wsl/lib", "/run/opengl-driver/lib")
_SYSTEM = (
    "/etc/alternatives",  # where Debian's driver has its links
    "/sys/bus/pci/devices",
    "/sys/devices/system/node",
    "/sys/devices/system/memory/block_size_bytes",
    "/sys/kernel/mm/transparent_hugepage",
    "/sys/module/nvidia",
    "/sys/module/nvidia_uvm",
)
_WAKE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Card:
    """One GPU."""

    place: int  # N of cuda:N
    uuid: str
    name: str
    node: str  # such as /dev/nvidia0
    bus: str  # such as 0000:65:00.0
    memory_bytes: int
    is_split: bool = False  # by MIG
    is_exclusive: bool = False  # one process at a time, by its compute mode

    @property
    def nodes(self) -> tuple[str, ...]:
        """The device files that CUDA opens for it."""
        return tuple(path for path in (*_CONTROL_NODES, self.node) if os.path.exists(path))

    @property
    def readable(self) -> tuple[str, ...]:
        """What CUDA reads of the system besides."""
        own = os.path.realpath(f"/sys/bus/pci/devices/{self.bus}")
        return tuple(path for path in (*_SYSTEM, own, *driver_folders()) if os.path.exists(path))

    def __str__(self) -> str:
        return f"cuda:{self.place}"


def found() -> tuple[Card, ...]:
    """Those that this process may use; none where there is no driver."""
    try:
        everything, _ = _everything()
    except pynvml.NVMLError:
        return ()
    return _visible(everything, os.environ.get("CUDA_VISIBLE_DEVICES"))


def _everything() -> tuple[list[Card], str]:
    """All that the driver answers for, and what it says of the last one that it doesn't: lost, or not for this user."""
    cards: list[Card] = []
    silent = ""
    with _library():
        for number in range(pynvml.nvmlDeviceGetCount()):
            try:
                cards.append(_card(number, len(cards)))
            except pynvml.NVMLError as error:
                silent = f"GPU {number} does not answer: {error}"
    return cards, silent


def keep_open() -> None:
    """Leave the library open for the rest of this process: many questions in a row are then answered at once."""
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()


def named(name: str, cards: Sequence[Card]) -> tuple[Card, ...]:
    """The cards of ``cuda`` or ``cuda:N,M``, in that order. Raises UsageError for one that is not there."""
    places = [int(place) for place in name.partition(":")[2].split(",") if place] or [0]
    if len(set(places)) < len(places):
        raise UsageError(f"the device is {name!r}, which names a GPU twice; name each once")
    by_place = {card.place: card for card in cards}
    if missing := [f"cuda:{place}" for place in places if place not in by_place]:
        there = ", ".join(f"{card} ({card.name})" for card in cards) or "none"
        raise UsageError(f"the device is {name!r}, but {', '.join(missing)} is not among the GPUs of this machine: {there}")
    return tuple(by_place[place] for place in places)


def others(card: Card) -> tuple[str, ...]:
    """Device files of GPUs that are not this one."""
    files = Path("/dev").glob("nvidia[0-9]*")
    return tuple(sorted(str(file) for file in files if str(file) != card.node))


def used_bytes(card: Card) -> int:
    """Of its memory, by whomever."""
    with _asking(card) as handle:
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).used)


def free_bytes(card: Card) -> int:
    with _asking(card) as handle:
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).free)


def users(card: Card) -> Mapping[int, int]:
    """Process id -> bytes of its memory, as the driver names processes: in a container perhaps by numbers of the host's.

    Left out is whoever the driver gives no figure for.
    """
    found: dict[int, int] = {}
    with _asking(card) as handle:
        for running in (pynvml.nvmlDeviceGetComputeRunningProcesses, pynvml.nvmlDeviceGetGraphicsRunningProcesses):
            try:
                processes = running(handle)
            except pynvml.NVMLError_NotSupported:  # as virtual GPUs have it
                continue
            for one in processes:
                if one.usedGpuMemory:
                    found[int(one.pid)] = max(found.get(int(one.pid), 0), int(one.usedGpuMemory))
    return found


def wake(card: Card) -> None:
    """Have the driver make its device files, which it does for the first program that starts CUDA; a run could not."""
    if all(os.path.exists(path) for path in (*_CONTROL_NODES, card.node)):
        return
    code = f"import ctypes; ctypes.CDLL({_LIBRARY!r}).cuInit(0)"
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(
            [sys.executable, "-I", "-c", code],
            env=environment(card),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_WAKE_SECONDS,
            check=False,
        )


def libraries() -> tuple[str, ...]:
    """The driver's libraries that a program would not find by their names."""
    found = (
        path
        for folder in driver_folders()[:1]
        for pattern in (_LIBRARY, *(f"{name}.so.[0-9]*" for name in _ALSO_LOADED))
        for path in sorted(map(str, Path(folder).glob(pattern)))
    )
    return tuple({os.path.realpath(path): path for path in found}.values())


def driver() -> dict[str, str]:
    """Versions of the driver and of the newest CUDA that it runs; empty where there is none."""
    try:
        with _library():
            cuda = int(pynvml.nvmlSystemGetCudaDriverVersion_v2())
            return {"driver": str(pynvml.nvmlSystemGetDriverVersion()), "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}"}
    except pynvml.NVMLError:
        return {}


def why_none() -> str:
    """What NVML says where no GPU was found."""
    try:
        cards, silent = _everything()
    except pynvml.NVMLError as error:
        return str(error)
    return silent or (f"CUDA_VISIBLE_DEVICES hides all {len(cards)}" if cards else "the driver finds none")


def shares_by_server() -> bool:
    """Whether a Multi-Process Service runs here, which would put all CUDA programs into one context."""
    folder = os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps")
    return os.path.exists(f"{folder}/control")


def driver_folders() -> tuple[str, ...]:
    """Folders with CUDA's driver library that programs don't search by themselves."""
    asked = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder.startswith("/")]
    found = (folder for folder in (*asked, *_DRIVER_FOLDERS, *_mapped_folders()) if os.path.exists(f"{folder}/{_LIBRARY}"))
    return tuple(dict.fromkeys(found))


def _mapped_folders() -> Iterator[str]:
    """Where the loader found NVML for this process, unless every program searches there."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        folder, _, name = line.rpartition(" ")[2].rpartition("/")
        if name.startswith("libnvidia-ml.so") and not f"{folder}/".startswith(("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/")):
            yield folder


def environment(card: Card) -> dict[str, str]:
    """What a process needs in its environment so that this card is its cuda:0."""
    search = {"LD_LIBRARY_PATH": ":".join(driver_folders())} if driver_folders() else {}
    exact = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}  # the same sums each time
    alone = {"CUDA_MPS_PIPE_DIRECTORY": "/nonexistent"}  # in a context of its own, even if a Multi-Process Service runs here
    return {"CUDA_VISIBLE_DEVICES": card.uuid, "CUDA_DEVICE_ORDER": "PCI_BUS_ID", **exact, **alone, **search}


def _card(number: int, place: int) -> Card:
    handle = pynvml.nvmlDeviceGetHandleByIndex(number)
    is_split = False
    with suppress(pynvml.NVMLError):  # most cards can't be split at all
        is_split = bool(pynvml.nvmlDeviceGetMigMode(handle)[0])
    is_exclusive = False
    with suppress(pynvml.NVMLError):
        is_exclusive = pynvml.nvmlDeviceGetComputeMode(handle) == pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS
    domain, _, rest = str(pynvml.nvmlDeviceGetPciInfo(handle).busId).lower().partition(":")
    return Card(
        place=place,
        uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
        name=str(pynvml.nvmlDeviceGetName(handle)),
        node=f"/dev/nvidia{pynvml.nvmlDeviceGetMinorNumber(handle)}",
        bus=f"{domain[-4:]}:{rest}",
        memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
        is_split=is_split,
        is_exclusive=is_exclusive,
    )


def _visible(everything: Sequence[Card], names: str | None) -> tuple[Card, ...]:
    """As CUDA reads CUDA_VISIBLE_DEVICES: the first name that means nothing ends the list."""
    if names is None:
        return tuple(everything)
    chosen: list[Card] = []
    for name in (part.strip() for part in names.split(",")):
        card = next((one for one in everything if name in (str(one.place), one.uuid) or _begins(one.uuid, name)), None)
        if card is None:
            break
        chosen.append(card)
    return tuple(replace(one, place=place) for place, one in enumerate(chosen))


def _begins(uuid: str, name: str) -> bool:
    return name.startswith("GPU-") and uuid.startswith(name)


@contextmanager
def _library() -> Iterator[None]:
    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


@contextmanager
def _asking(card: Card) -> Iterator[object]:
    """The driver's handle of it. Raises GraderError where the driver no longer answers for it."""
    try:
        with _library():
            yield pynvml.nvmlDeviceGetHandleByUUID(card.uuid)
    except pynvml.NVMLError as error:
        raise GraderError(f"the GPU {card} ({card.name}) does not answer: {error}") from None
