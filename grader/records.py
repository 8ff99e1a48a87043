"""Every record that flows through the grader, frozen, in order of appearance.

Upload -> Submission -> Run -> Outcome (with a Measurement) -> Mark.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Verdict = Literal[
    "graded",
    "unreadable",
    "no_entry",
    "raised",
    "exited",
    "crashed",
    "timed_out",
    "out_of_memory",
    "rejected",
    "missing",
    "not_graded",
]
Stage = Literal["unpack", "import", "prune", "collect", "evaluate"]

PUBLIC = "public"  # the instance whose data students have; the others are "hidden-1", "hidden-2", ...


@dataclass(frozen=True, slots=True)
class Person:
    """Who handed in: as the roster has it, else as far as the download says. Empty where neither does."""

    id: str = ""  # the roster's; else the LMS's own, such as a Canvas user id or a Gradescope student id
    name: str = ""
    email: str = ""
    section: str = ""
    group: str = ""
    extension: str = ""  # of the due date, in the roster's own words


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a download that holds the work of many."""

    name: str  # path within the submission
    place: str  # path within the download


@dataclass(frozen=True, slots=True)
class Upload:
    """One submission as it lies on disk, not yet opened."""

    student: str  # file-system-safe id, unique in the batch
    name: str  # the name as it stands on disk
    source: str  # the path as it was given
    path: Path
    submitted_at: str | None = None  # ISO 8601, from LMS metadata or a commit; never a file's modification time
    parameters: Mapping[str, float] = field(default_factory=dict)  # that prune is called with beside the model, in a sweep
    parts: tuple[Part, ...] = ()  # where `path` is a download: the files in it that are this submission's
    person: Person = Person()
    lms_id: str = ""  # "canvas:12345", "moodle:678", "gradescope:9": whom to return grades to; empty outside of an LMS
    late: bool | None = None  # what the LMS says; None where it says nothing
    attempt: int | None = None  # 1 is the oldest; None where there is one only
    sequence: int = 0  # grows from attempt to attempt, where the LMS counts
    commit: str = ""  # that a git clone has checked out
    handed_in: bool = True  # False for somebody on the roster of whom there is nothing


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission that could be read: its files, and which of them defines ``prune``."""

    sha256: str  # of the uploaded bytes (for a folder: of its sorted names and contents)
    entry: str  # key of `files`: the source that defines prune
    files: Mapping[str, bytes]  # relative POSIX path -> contents; Python sources are UTF-8 with "\n" line ends
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an instance has no measurement."""

    verdict: Verdict
    stage: Stage
    message: str
    exception: str | None = None  # nearest built-in exception class, such as "ValueError"; never the student's own text
    line: int | None = None  # of the student's entry file
    traceback: str = ""  # the student's own frames, untrusted text


@dataclass(frozen=True, slots=True)
class Run:
    """What one confined process gave back for one instance: weights or a failure, never both."""

    weights: bytes | None  # 142,346 little-endian float32, unchecked
    failure: Failure | None
    notes: tuple[str, ...]  # untrusted text
    log: str  # stdout and stderr, untrusted text, capped at limits.log_bytes
    log_truncated: bool
    seconds: float  # wall time on the keeper's clock, from handing over the source to the end of the run
    cpu_seconds: float  # of the whole process tree
    peak_memory_bytes: int  # of the whole process tree, sampled
    unexplained_kill: bool = False  # ended by a SIGKILL that neither a limit nor the grader has sent


@dataclass(frozen=True, slots=True)
class LayerCount:
    zeros: int
    parameters: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """What the returned weights are: a pure function of weights and instance, free of any rubric."""

    zeros: int
    parameters: int  # always 142,346
    layers: Mapping[str, LayerCount]  # by parameter name, in model order
    mse: float  # on the instance's split, float64
    mse_per_output: tuple[float, ...]  # 10 values; their mean is mse
    weights_sha256: str  # of the 569,384 returned bytes

    @property
    def sparsity(self) -> float:
        return self.zeros / self.parameters


@dataclass(frozen=True, slots=True)
class Picture:
    """What pages draw of the weights that came back for the public instance: at most 40 KB, see :mod:`grader.picture`."""

    indices: str  # base64 of little-endian uint32: chosen parameters that are not zero, by their place among all 142,346
    values: str  # base64 of little-endian float32: the weights there
    histograms: Mapping[str, tuple[int, ...]]  # by parameter name: how many weights lie in each of picture.BINS
    mask: str  # base64 of zlib of packed bits: which of the first layer's (1024, 128) weights are not zero
    living_units: int  # hidden units that read an input and reach an output
    used_inputs: int  # inputs that such a unit reads

    def samples(self) -> list[tuple[int, float]]:
        """(index among all 142,346 parameters, weight) of weights that are not zero, evenly chosen, by index."""
        indices = struct.iter_unpack("<I", base64.b64decode(self.indices))
        values = struct.iter_unpack("<f", base64.b64decode(self.values))
        return [(index, value) for (index,), (value,) in zip(indices, values, strict=True)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One submission on one instance, as the ledger keeps it: a measurement or a failure, never both."""

    instance: str  # "public", "hidden-1", ...
    measurement: Measurement | None
    failure: Failure | None
    notes: tuple[str, ...] = ()
    log: str = ""
    log_truncated: bool = False
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    graded_at: str = ""  # ISO 8601, UTC
    picture: Picture | None = None  # of the public instance's weights

    @property
    def verdict(self) -> Verdict:
        return self.failure.verdict if self.failure else "graded"


@dataclass(frozen=True, slots=True)
class Graded:
    """A submission with the outcome of each of its instances, in instance order."""

    upload: Upload
    sha256: str | None  # None when the bytes could not be read
    outcomes: tuple[Outcome, ...]
    keys: tuple[str | None, ...] = ()  # under which the ledger has each outcome; None for one without a run of its own
    notes: tuple[str, ...] = ()
    isolation: str = ""  # the level under which it ran; see Isolation
    name: str = ""  # roster name, where there is a roster
    email: str = ""

    @property
    def verdict(self) -> Verdict:
        """What the grader owes comes first, then what failed."""
        verdicts = [outcome.verdict for outcome in self.outcomes]
        failed = (verdict for verdict in verdicts if verdict != "graded")
        return "not_graded" if "not_graded" in verdicts else next(failed, "graded")


@dataclass(frozen=True, slots=True)
class Batch:
    """What belongs to a batch besides its submissions, so that it can be marked again without them."""

    students: tuple[str, ...]  # of all submissions, in the order of the reports
    conditions: str  # digest of what their outcomes depend on besides themselves
    instances: tuple[str, ...]  # names, in the order of each submission's outcomes
    rubric: str  # as JSON; its task, instances, limits and allow are what was measured
    task_digest: str
    environment: Mapping[str, str]  # versions that a measurement may depend on
    isolation: Isolation
    adjustments: str = "[]"  # what persons had decided when it was marked last, as JSON
    standalone: bool = False  # pages that are one file each
    leaderboard: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """The judgement of one criterion."""

    criterion: str
    points: float | None  # None while the grader owes the student a result
    max_points: float
    reason: str
    pending: bool = False  # a manual mark that nobody has filled in yet


LAYERS = (  # of a run's confinement
    "environment", "namespaces", "own user", "control group", "limits", "capabilities", "landlock", "seccomp", "descriptors",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Isolation:
    """What confines the submissions of a batch, as its probe child proved it."""

    level: str  # "L3" ... "L0"
    layers: tuple[str, ...]  # in force, in the order in which they are applied
    missing: Mapping[str, str] = field(default_factory=dict)  # layer -> why it is not in force
    unforbidden: tuple[str, ...] = ()  # of what the probe tries elsewhere, what no layer here forbids
    practice: str = ""  # where the system confines nobody: what a run is held to instead, in one sentence

    @property
    def guards_hidden_data(self) -> bool:
        return self.level in ("L3", "L2")
