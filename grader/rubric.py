"""Loads and checks rubric.yaml, and judges measurements by it. Measuring never looks at the rubric's score or points."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from grader import formulas
from grader.errors import UsageError
from grader.records import Mark, Outcome

FINITE = Field(allow_inf_nan=False)
Number = Annotated[float, FINITE]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Points = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]  # so that no sum of them is infinite
Seconds = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]  # within what the kernel's clocks and limits can hold
MIB = 1 << 20
PIB = 1 << 50
MAX_BYTES = 1 << 18  # of a rubric, and of what its aliases (*name) stand for, written out: nine lines of them can hold billions


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


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


class FeedbackSection(Section):
    hidden_figures: Literal["exact", "rounded", "banded"] = "rounded"
    class_comparison: bool = True


class Rubric(Section):
    assignment: Annotated[str, Field(min_length=1, max_length=200)] = "neural-network pruning"
    task: TaskSection = TaskSection(public_seed=11)
    instances: InstancesSection = InstancesSection()
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d{1,3})?)$")] = "auto"
    score: ScoreSection = ScoreSection()
    points: PointsSection = PointsSection()
    limits: LimitsSection = LimitsSection()
    allow: AllowSection = AllowSection()
    criteria: tuple[Criterion, ...] = ()
    feedback: FeedbackSection = FeedbackSection()
    late: None = None

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
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; name a rubric with --rubric FILE") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{path}: can't be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: expected a rubric of at most {MAX_BYTES >> 10} KiB, found a larger file")
    try:
        found = yaml.load(text, Loader=_UniqueKeyLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or "this is not YAML"
        raise UsageError(f"{path}:{where} {problem}") from None
    except Exception as error:  # PyYAML's constructors raise what their Python raises, such as a KeyError for '!!bool maybe'
        reason = f"a value that is not of its kind ({type(error).__name__})"
        raise UsageError(f"{path}: {'nested too deeply' if isinstance(error, RecursionError) else reason}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path}: expected keys and values such as 'points:', found {_shown(found)}")
    return parse(found, str(path))


def parse(found: dict[Any, Any], where: str) -> Rubric:
    try:
        # Strict JSON mode: no string is taken for a number, but a YAML list is taken for a tuple.
        return Rubric.model_validate_json(_json(found, where), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] != "json_invalid":
            raise UsageError(f"{where}: {_sentence(first)}") from None
    except (ValueError, RecursionError, TypeError):
        pass
    raise UsageError(f"{where}: expected plain keys and finite values, found something that JSON can't hold")


def _json(found: dict[Any, Any], where: str) -> str:
    text = ""
    for piece in json.JSONEncoder(default=str).iterencode(found):  # piece by piece, to stop while it is small
        text += piece
        if len(text) > 4 * MAX_BYTES:
            raise UsageError(f"{where}: its aliases (*name) stand for too much; write out what is meant")
    return text


def to_yaml(rubric: Rubric) -> str:
    """The rubric with every key spelled out, as a file that ``load`` reads to the same meaning."""
    return str(yaml.safe_dump(rubric.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def judge(rubric: Rubric, outcomes: tuple[Outcome, ...], reference: tuple[Outcome, ...] | None) -> tuple[Mark, ...]:
    """The marks of all criteria. ``reference`` holds the reference solution's outcomes, or None while it is judged itself."""
    found = means(rubric, outcomes)
    to_beat = means(rubric, reference) if reference else None
    owed = any(outcome.verdict == "not_graded" for outcome in outcomes)
    if reference and to_beat is None and found:
        # Nobody can be compared with a reference that failed: the grader owes that mark.
        return tuple(_judge_one(criterion, found, None, criterion.kind == "beats_reference") for criterion in rubric.criteria)
    return tuple(_judge_one(criterion, found, to_beat, owed) for criterion in rubric.criteria)


def means(rubric: Rubric, outcomes: tuple[Outcome, ...]) -> dict[str, float] | None:
    """Mean sparsity, mse and score over the instances; None unless all of them are graded."""
    measured = [outcome.measurement for outcome in outcomes if outcome.measurement]
    if not measured or len(measured) < len(outcomes):
        return None
    n = len(measured)
    return {
        "sparsity": sum(m.sparsity for m in measured) / n,
        "mse": sum(m.mse for m in measured) / n,
        "score": sum(rubric.score_of(m.mse, m.sparsity) for m in measured) / n,
    }


def _judge_one(
    criterion: ThresholdCriterion | BeatsReferenceCriterion | ManualCriterion,
    found: dict[str, float] | None,
    to_beat: dict[str, float] | None,
    owed: bool,
) -> Mark:
    def mark(points: float | None, reason: str, pending: bool = False) -> Mark:
        return Mark(criterion.name, points, criterion.points, reason, pending)

    if criterion.kind == "manual":
        return mark(0.0, "to be marked by a person", pending=True)
    if owed:
        return mark(None, "not graded yet")
    if found is None:
        return mark(0.0, "needs every instance to be graded")
    value = found[criterion.metric]
    if criterion.kind == "threshold":
        bound, reached, word = (
            (criterion.at_least, value >= criterion.at_least, "at least")
            if criterion.at_least is not None
            else (criterion.at_most, criterion.at_most is not None and value <= criterion.at_most, "at most")
        )
        return mark(criterion.points * reached, f"{criterion.metric} {'is' if reached else 'is not'} {word} {bound:g}")
    if to_beat is None:
        return mark(0.0, "this is the reference solution")
    beaten = value < to_beat["mse"] if criterion.metric == "mse" else value > to_beat[criterion.metric]
    return mark(criterion.points * beaten, f"{criterion.metric} {'is' if beaten else 'is not'} better than the reference's")


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML takes the last of two equal keys in silence; a rubric must not."""


def _construct_unique_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, Hashable) and key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        if isinstance(key, Hashable):
            seen.add(key)
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_unique_mapping)


def _sentence(error: ErrorDetails) -> str:
    """One pydantic error as the project words it: key, what was found, what was expected."""
    key = _key(error["loc"])
    if error["type"] == "union_tag_invalid":
        return f"{key}.kind is {error['ctx']['tag']!r}, expected {error['ctx']['expected_tags']}"
    kind, context, found = error["type"], error.get("ctx", {}), _shown(error["input"])
    if kind == "extra_forbidden":
        return f"{key} is not a key of the rubric; {_known_keys(error['loc'])}"
    if kind == "missing":
        return f"{key} is missing"
    if kind == "value_error":
        text = str(context.get("error", error["msg"]))
        if text.count("|") == 2:
            inner, came, wanted = text.split("|")
            return f"{f'{key}.' if error['loc'] else ''}{inner} is {came}, expected {wanted}"
        return f"{key}: {text}"
    expected = {
        "greater_than": "a number above {gt}",
        "greater_than_equal": "a number of at least {ge}",
        "less_than": "a number below {lt}",
        "less_than_equal": "a number of at most {le}",
        "finite_number": "a finite number",
        "literal_error": "{expected}",
        "string_pattern_mismatch": "auto, cpu, cuda or cuda:N" if key == "device" else "a package name such as 'scikit-learn'",
        "string_too_short": "some text",
        "string_too_long": "a shorter text",
        "int_from_float": "a whole number",
        "none_required": "null (late policies are not available yet)",
        "union_tag_not_found": "a key 'kind': threshold, beats_reference or manual",
    }.get(kind)
    if expected is None:
        words = {
            "int": "a whole number",
            "float": "a number",
            "bool": "true or false",
            "string": "text",
            "tuple": "a list",
            "model": "keys and values",
        }
        expected = words.get(kind.partition("_")[0]) or error["msg"].removeprefix("Input should be ").lower()
    return f"{key} is {found}, expected {expected.format(**context)}"


def _key(location: tuple[int | str, ...]) -> str:
    kinds = {"threshold", "beats_reference", "manual"}
    parts = [str(part) for index, part in enumerate(location) if not (index and part in kinds)]
    return ".".join(part if part.isprintable() and len(part) <= 60 else _shown(part) for part in parts) or "the rubric"


def _known_keys(location: tuple[int | str, ...]) -> str:
    section: Any = Rubric
    for part in map(str, location[:-1]):
        field = section.model_fields.get(part) if isinstance(section, type) and issubclass(section, Section) else None
        section = field.annotation if field else None
    if isinstance(section, type) and issubclass(section, Section):
        return f"expected one of {', '.join(section.model_fields)}"
    return "see README.md for the keys"


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a group of keys"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
