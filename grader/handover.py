"""What the keeper hands to a run, however that is confined: the instance's public data, the submission, the setting."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from grader.frames import framed
from grader.records import Submission
from grader.rubric import Rubric

SEED = 0  # of random, numpy and torch before each import of a submission
SLOW_IMPORTS = {
    "torch.optim": ("torch._dynamo",),  # imported by torch with the first optimizer, and slower than torch itself
    "matplotlib": ("matplotlib.pyplot",),
    "scipy": ("scipy.optimize", "scipy.sparse", "scipy.stats"),
    "sklearn": ("sklearn.linear_model",),
    "IPython": ("IPython.display",),
    "tqdm": ("tqdm.auto",),
}


@dataclass(frozen=True, slots=True)
class PublicData:
    """One instance's training and validation data and model in a file that has no name.

    On Linux it is sealed memory, which children map copy on write.
    """

    name: str
    fd: int
    arrays: Mapping[str, tuple[int, tuple[int, ...]]]  # name -> (offset in float32 values, shape)
    _reading: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, name: str, arrays: Mapping[str, NDArray[np.float32]]) -> Self:
        fd = _memory_file() if hasattr(os, "memfd_create") else _unnamed_file()
        placed, offset = {}, 0
        for key, values in arrays.items():
            data = np.ascontiguousarray(values, dtype="<f4")
            view = memoryview(data.tobytes())
            while view:
                view = view[os.write(fd, view) :]
            placed[key] = (offset, data.shape)
            offset += data.size
        if hasattr(os, "memfd_create"):
            _seal(fd)
        return cls(name, fd, placed)

    def contents(self) -> bytes:
        """All of it, for a run that can't be given the file."""
        with self._reading:
            os.lseek(self.fd, 0, os.SEEK_SET)
            return os.read(self.fd, os.fstat(self.fd).st_size)


def _memory_file() -> int:
    return os.memfd_create("instance", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def _unnamed_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _seal(fd: int) -> None:
    import fcntl

    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL)


def bundle(submission: Submission, data: PublicData, parameters: Mapping[str, Any], **also: Any) -> bytes:
    """A JSON header behind its length, and the submission's files in its order; ``also`` stands in the header."""
    header = {
        "arrays": data.arrays,
        "entry": submission.entry,
        "parameters": dict(parameters),
        "files": [[name, len(content)] for name, content in submission.files.items()],
        **also,
    }
    return framed(header) + b"".join(submission.files.values())


def setting(rubric: Rubric, device: str = "cpu") -> dict[str, Any]:
    """What a run is told of the rubric before it gets the submission, and the kind of device that it runs on."""
    return {
        "scoring": {**rubric.score.model_dump(), **rubric.points.model_dump()},
        "packages": rubric.allow.packages,
        "threads": rubric.limits.threads,
        "seed": SEED,
        "device": device,
    }
