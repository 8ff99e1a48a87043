"""Loads and checks rubric.yaml. Measuring never looks at the rubric's score or points; ``marking`` does."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from grader import formulas, yamlfile
from grader.errors import UsageError
from grader.yamlfile import Section

FINITE = Field(allow_inf_nan=False)
Number = Annotated[float, FINITE]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Points = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]  # so that no sum of them is infinite
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]  # within what the kernel's clocks and limits can hold
DEVICES = r"auto|cpu|cuda(:\d{1,3}(,\d{1,3})*)?"  # a regular expression
EXTENSION = "a date such as 2026-12-05T23:59 or a span such as 48h"
MIB = 1 << 20
PIB = 1 << 50

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(min|m|h|d|w)[a-z]*", re.IGNORECASE)
_UNIT_SECONDS = {"min": 60, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class TaskFiles(Section):
    """Files of an instructor's own data: X and Y each, and the trained model; relative to the rubric."""

    train: str
    validation: str
    hidden: str
    model: str


class TaskSection(Section):
    public_seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    files: TaskFiles | None = None

    @model_validator(mode="after")
    def one_source(self) -> Self:
        if (self.public_seed is None) == (self.files is None):
            raise ValueError("expected either public_seed or files")
        return self


class InstancesSection(Section):
    hidden: Annotated[int, Field(ge=0, le=100)] = 2


class ScoreSection(Section):
    mse_cap: Positive = 1000.0
    mse_exponent: Positive = 1.5
    sparsity_exponent: Positive = 1.5


class PointsSection(Section):
    lower: Annotated[float, Field(ge=0, le=1)] = 0.085
    upper: Annotated[float, Field(ge=0, le=1)] = 0.95
    max: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 1.5

    @model_validator(mode="after")
    def upper_above_lower(self) -> Self:
        if self.upper <= self.lower:
            raise ValueError(f"upper|{self.upper:g}|a number above points.lower ({self.lower:g})")
        return self


class LimitsSection(Section):
    """Limits of one run on one instance: import, prune and collect."""

    clock: Literal["cpu", "wall", "both"] = "cpu"
    cpu_seconds: Seconds = 60.0
    wall_seconds: Seconds = 120.0
    memory_bytes: Annotated[int, Field(ge=256 * MIB, le=PIB)] = 4096 * MIB
    gpu_memory_bytes: Annotated[int, Field(ge=256 * MIB, le=PIB)] = 4096 * MIB
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    processes: Annotated[int, Field(ge=1, le=1 << 20)] = 64
    file_bytes: Annotated[int, Field(ge=MIB, le=PIB)] = 256 * MIB
    log_bytes: Annotated[int, Field(ge=1024, le=64 * MIB)] = 65536

    @model_validator(mode="after")
    def threads_can_start(self) -> Self:
        """A run may have processes + threads tasks, and two of its threads each start a pool: torch ends where one can't."""
        if self.threads > (most := self.processes + 1):
            raise ValueError(f"threads|{self.threads}|at most limits.processes + 1 ({most}), because each counts as a process")
        return self


class AllowSection(Section):
    exec: bool = False
    gpu: bool = True
    packages: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")], ...] = (
        "torch",
        "numpy",
        "scipy",
        "scikit-learn",
        "matplotlib",
        "tqdm",
        "ipython",
    )


class CriterionSection(Section):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    points: Points
    metric: Literal["sparsity", "mse", "score"] = "score"


class ThresholdCriterion(CriterionSection):
    """Points for reaching a bound on a metric's mean over the instances."""

    kind: Literal["threshold"]
    at_least: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("expected either at_least or at_most")
        return self


class BeatsReferenceCriterion(CriterionSection):
    """Points for a metric strictly better than the reference solution's."""

    kind: Literal["beats_reference"]


class ManualCriterion(Section):
    """Points that a person fills in later."""

    kind: Literal["manual"]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    points: Points


Criterion = Annotated[ThresholdCriterion | BeatsReferenceCriterion | ManualCriterion, Field(discriminator="kind")]


class Tier(Section):
    """What a submission loses that is at most so late."""

    within_hours: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
    percent: Percent


def moment(text: str, zone: str) -> datetime.datetime:
    """A date in ISO 8601, in ``zone`` unless it has an offset of its own. Raises ValueError for anything else."""
    found = datetime.datetime.fromisoformat(text.strip())
    return found if found.tzinfo else found.replace(tzinfo=zoneinfo.ZoneInfo(zone))


def extended(due: datetime.datetime, own: str, zone: str) -> datetime.datetime:
    """The due date with an extension: a date if it is later, or a span that is added. Raises ValueError for anything else."""
    if not own.strip():
        return due
    found = _SPAN.fullmatch(own.strip())
    if not found:
        return max(due, moment(own, zone))
    unit = found[2].lower()
    try:
        return due + datetime.timedelta(seconds=float(found[1]) * _UNIT_SECONDS[unit])
    except OverflowError:
        raise ValueError(f"{own!r} leads beyond the calendar") from None


def is_extension(own: str) -> bool:
    try:
        return bool(extended(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), own, "UTC"))
    except ValueError:
        return False


def _an_extension(own: str) -> str:
    if not is_extension(own):
        raise PydanticCustomError("expected", "expected {expected}", {"expected": EXTENSION})
    return own


class LateSection(Section):
    """What lateness costs, in percent of the points that were earned or of those that there are."""

    due: str
    timezone: str = "UTC"  # of dates without an offset
    grace_minutes: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = 0.0
    tiers: Annotated[tuple[Tier, ...], Field(max_length=100)] = ()
    percent_per_day: Percent | None = None  # for each day that has begun
    cap_percent: Percent = 100.0  # at most, and beyond the last tier
    of: Literal["earned", "maximum"] = "earned"
    extensions: Mapping[str, Annotated[str, AfterValidator(_an_extension)]] = Field(default_factory=dict)  # by student id

    @model_validator(mode="after")
    def one_rule_and_real_dates(self) -> Self:
        try:
            zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"timezone|{self.timezone!r}|a time zone such as 'Europe/Berlin'") from None
        try:
            moment(self.due, self.timezone)
        except ValueError:
            raise ValueError(f"due|{self.due!r}|a date such as 2026-12-01T23:59") from None
        if bool(self.tiers) == (self.percent_per_day is not None):
            raise ValueError("expected either tiers or percent_per_day")
        return self


class FeedbackSection(Section):
    hidden_figures: Literal["exact", "rounded", "banded"] = "rounded"
    class_comparison: bool = True


class Rubric(Section):
    assignment: Annotated[str, Field(min_length=1, max_length=200)] = "neural-network pruning"
    task: TaskSection = TaskSection(public_seed=11)
    instances: InstancesSection = InstancesSection()
    device: Annotated[str, Field(pattern=rf"^({DEVICES})$")] = "auto"
    score: ScoreSection = ScoreSection()
    points: PointsSection = PointsSection()
    limits: LimitsSection = LimitsSection()
    allow: AllowSection = AllowSection()
    criteria: tuple[Criterion, ...] = ()
    feedback: FeedbackSection = FeedbackSection()
    attempts: Literal["newest", "best", "all"] = "newest"
    late: LateSection | None = None
    anonymous: bool = False  # pages show pseudonyms; see report.anonymous

    @model_validator(mode="after")
    def files_are_one_instance(self) -> Self:
        if self.task.files and self.instances.hidden:
            raise ValueError(f"instances.hidden|{self.instances.hidden}|0, because task.files is one instance")
        names = [criterion.name for criterion in self.criteria]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"criteria.name|{twice!r} twice|a name of its own for each criterion")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the rubric's meaning: comments, order and spelling of numbers don't change it."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    @property
    def max_points(self) -> float:
        return self.points.max + sum(criterion.points for criterion in self.criteria)

    def score_of(self, mse: float, sparsity: float) -> float:
        return formulas.score(mse, sparsity, self.score.mse_exponent, self.score.sparsity_exponent, mse_cap=self.score.mse_cap)

    def points_of(self, score: float) -> float:
        return formulas.points(score, lower=self.points.lower, upper=self.points.upper, maximum=self.points.max)


def load(path: Path) -> Rubric:
    """Read and check a rubric file. Raises UsageError with one sentence: key, what was expected, what came."""
    found = yamlfile.read(path, "name a rubric with --rubric FILE")
    if not isinstance(found, dict):
        raise UsageError(f"{path}: expected keys and values such as 'points:', found {yamlfile.shown(found)}")
    return parse(found, str(path))


def parse(found: dict[Any, Any], where: str) -> Rubric:
    return yamlfile.checked(found, Rubric, where, "the rubric")


def to_yaml(rubric: Rubric) -> str:
    """The rubric with every key spelled out, as a file that ``load`` reads to the same meaning."""
    return yamlfile.written(rubric.model_dump(mode="json"))


NEEDS_A_RUN = ("task", "instances", "limits", "allow")  # what of a rubric no stored measurement can answer


def differing(one: Rubric, other: Rubric) -> list[str]:
    """Keys, such as "points.upper", whose values differ, in the rubric's order."""
    found = []
    for name in Rubric.model_fields:
        a, b = getattr(one, name), getattr(other, name)
        if a == b:
            continue
        inner = type(a).model_fields if isinstance(a, Section) and type(a) is type(b) else ()
        found += [f"{name}.{key}" for key in inner if getattr(a, key) != getattr(b, key)] or [name]
    return found


def value_at(rubric: Rubric, key: str) -> object:
    """The value at a key that ``differing`` names."""
    found: object = rubric
    for part in key.split("."):
        found = getattr(found, part)
    return found
