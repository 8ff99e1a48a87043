"""The published form of every JSON: grades, reports, calibrations, sweeps, what remark and init say, and their JSON Schemas.

``python -m grader.report.schema`` writes the schemas. Every field stands in every file; null says that there is no value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from grader.records import Stage, Verdict

SCHEMA_VERSION: Literal[1] = 1
SCHEMAS = Path(__file__).parent / "schemas"

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LayerReport(Part):
    """Exact zeros of one of the model's parameters."""

    zeros: Count
    parameters: Count


class MarkReport(Part):
    """The judgement of one criterion of the rubric."""

    criterion: str
    points: float | None = Field(description="null while the grader owes a result")
    max_points: NonNegative
    reason: str
    pending: bool = Field(description="a person has still to give these points")


class DecisionReport(Part):
    """What a person has decided about a submission, from adjustments.yaml."""

    author: str
    reason: str
    criterion: str | None = Field(description="the manual criterion that the points are for; null for all of the submission")
    points: NonNegative | None = Field(description="null where they are not what was decided")
    waives_lateness: bool
    comment: str


class InstanceReport(Part):
    """One submission on one instance. A student sees of hidden instances verdict, points, exception and line only."""

    name: str = Field(description='"public", "hidden-1", ...')
    verdict: Verdict
    stage: Stage | None = Field(description="where it failed; null where it did not, or where it is not shown")
    message: str
    exception: str | None = Field(description="the built-in exception class, for the verdict raised")
    line: Annotated[int, Field(ge=1)] | None = Field(description="line of the student's entry file")
    traceback: str
    sparsity: Share | None
    mse: NonNegative | None
    score: Share | None
    points: NonNegative | None = Field(description="0 for a failure; null only for not_graded")
    zeros: Count | None
    parameters: Count | None
    layers: dict[str, LayerReport] | None = Field(description="by parameter name, in model order")
    mse_per_output: list[NonNegative] | None
    weights_sha256: str | None = Field(description="of the returned parameters as raw float32, in hexadecimal")
    seconds: NonNegative | None = Field(description="wall time of the run")
    cpu_seconds: NonNegative | None = Field(description="CPU time of the run's whole process tree")
    peak_memory_bytes: Count | None = Field(description="of the run's whole process tree, sampled")
    notes: list[str]
    log: str
    log_truncated: bool


class Report(Part):
    """One submission: students/<student>/report.json, and one entry of grades.json."""

    schema_version: Literal[1] = SCHEMA_VERSION
    student: str = Field(description="file-system-safe id, unique in the batch")
    name: str = Field(description="name from the roster, else the submission's name on disk")
    email: str = Field(description="from the roster, else empty")
    section: str = Field(description="from the roster, for the instructor; a student sees none")
    group: str = Field(description="from the roster, for the instructor; a student sees none")
    lms_id: str = Field(description='such as "canvas:12345" or "moodle:678", for the instructor; a student sees none')
    attempt: Annotated[int, Field(ge=1)] | None = Field(description="1 is the oldest; null where there is one only")
    commit: str | None = Field(description="that a git clone had checked out, in hexadecimal")
    source: str = Field(description="path as given; a student sees its last part")
    sha256: str | None = Field(description="of the uploaded bytes, in hexadecimal; null where they could not be read")
    submitted_at: str | None
    verdict: Verdict
    stage: Stage | None
    message: str = Field(description="of the first instance with the submission's verdict; empty for graded")
    raw_points: float | None = Field(description="mean of the instances' points, plus marks; null for not_graded")
    late_penalty: NonNegative = Field(description="in points")
    lateness: str | None = Field(description="what the late rules made of it, in words; null without late rules")
    points: NonNegative | None = Field(
        description="raw_points less late_penalty, never below 0, unless a person has overridden them; null for not_graded"
    )
    max_points: NonNegative
    score: Share | None = Field(description="mean over the instances; null unless all are graded")
    sparsity: Share | None = Field(description="mean over the instances; null unless all are graded")
    mse: NonNegative | None = Field(description="mean over the instances; null unless all are graded")
    marks: list[MarkReport]
    decisions: list[DecisionReport] = Field(description="by persons, in the order in which they were written down")
    instances: Annotated[list[InstanceReport], Field(min_length=1)]
    log: str = Field(description="standard output and error on the public instance")
    log_truncated: bool
    notes: list[str]
    seconds: NonNegative | None = Field(description="wall time of all runs; a student sees that of the public instance")
    graded_at: str | None = Field(description="when the first instance was graded: ISO 8601, UTC")
    isolation: str = Field(description="level of what confined it: L3 (best) to L0 (nothing)")


class IsolationReport(Part):
    """What confined the submissions of the batch."""

    level: str
    layers: list[str]
    missing: dict[str, str] = Field(description="layer: why it was not in force")


class About(Part):
    """What belongs to a batch besides its submissions."""

    schema_version: Literal[1] = SCHEMA_VERSION
    rubric_digest: str
    task_digest: str
    grader_version: str
    environment: dict[str, str]
    isolation: IsolationReport
    reference: Report | None = Field(description="the reference solution, graded like any submission")


class Grades(About):
    """grades.json: a whole batch, for the instructor only."""

    submissions: list[Report] = Field(description="in student order")


class MethodReport(Part):
    """One method of the ladder under the rubric."""

    name: str
    verdict: Verdict
    message: str
    sparsity: Share | None = Field(description="mean over the instances; null unless all are graded")
    mse: NonNegative | None
    score: Share | None = Field(description="before points cut it off at both ends")
    points: NonNegative | None = Field(description="mean over the instances; null where the grader itself failed")
    lowest: NonNegative | None = Field(description="points on the worst instance")
    highest: NonNegative | None = Field(description="points on the best instance")
    before: NonNegative | None = Field(description="points under the other rubric; null where none was named")
    seconds: NonNegative | None = Field(description="wall time of one run, mean over the instances")
    cpu_seconds: NonNegative | None
    students: Count | None = Field(description="who stand at or above this rung and below the next; null without a batch")


class Tier(Part):
    """Methods close together, and what part of the scale is theirs: up to the next tier's lowest rung, or to the maximum."""

    methods: list[str]
    lowest: NonNegative
    highest: NonNegative
    share: Share


class Calibration(Part):
    """calibration.json: the ladder under a rubric, best method first."""

    schema_version: Literal[1] = SCHEMA_VERSION
    rubric_digest: str
    task_digest: str
    grader_version: str
    environment: dict[str, str]
    isolation: IsolationReport
    instances: Annotated[int, Field(ge=1)]
    lower: Share = Field(description="the score at and below which there are no points")
    upper: Share = Field(description="the score at and above which there are full points")
    max_points: NonNegative
    methods: list[MethodReport]
    full_points: list[str] = Field(description="methods whose score is cut off at the top on every instance")
    no_points: list[str] = Field(description="methods without points on every instance")
    indistinct: list[tuple[str, str]] = Field(description="neighbours that the rubric can't tell apart; the better one first")
    tiers: list[Tier] = Field(description="best first")
    students: Count | None = Field(description="of the batch that was named")
    students_below: Count | None = Field(description="who stand below every rung")


class SettingReport(Part):
    """prune(model, **parameters) under one setting."""

    parameters: dict[str, float | int]
    verdict: Verdict
    message: str
    sparsity: Share | None
    mse: NonNegative | None
    score: Share | None
    points: NonNegative | None
    seconds: NonNegative | None = Field(description="wall time of one run, mean over the instances")


class Sweep(Part):
    """sweep.json: every setting in the order in which it was asked for."""

    schema_version: Literal[1] = SCHEMA_VERSION
    submission: str
    sha256: str | None
    data: str = Field(description='what it was measured on: "public validation" or "hidden"')
    rubric_digest: str
    grader_version: str
    environment: dict[str, str]
    isolation: str
    max_points: NonNegative
    parameters: list[str]
    settings: list[SettingReport]
    best: int | None = Field(description="index of the setting with the highest score; null where none was graded")


class ChangeReport(Part):
    """A key of the rubric that is not what it was."""

    key: str = Field(description='such as "points.upper"')
    before: Any
    after: Any


class MoveReport(Part):
    """One submission whose points are not what they were."""

    student: str
    before: NonNegative | None = Field(description="points; null while the grader owes a result")
    after: NonNegative | None
    why: str


class Remarked(Part):
    """What 'remark --json' prints: which keys of the rubric have changed, and whose points with them."""

    schema_version: Literal[1] = SCHEMA_VERSION
    rubric_digest: str = Field(description="of the rubric that the batch is marked by now")
    changed: list[ChangeReport]
    moves: list[MoveReport] = Field(description="in student order")
    submissions: Count


class Prepared(Part):
    """What 'init --json' prints: the task that submissions will be measured on."""

    schema_version: Literal[1] = SCHEMA_VERSION
    task_digest: str
    instances: list[str] = Field(description='"public", "hidden-1", ...')
    home: str = Field(description="the folder with the secret and the hidden data")


def to_json(part: Part) -> str:
    """The file's text: UTF-8, floats with all digits, fields in the schema's order."""
    return part.model_dump_json(indent=2) + "\n"


def grades_json(about: About, reports: Iterable[Report]) -> Iterator[str]:
    """The text of a :class:`Grades` in pieces, a submission each, so that it need not be held."""
    yield to_json(about).removesuffix("\n}\n") + ',\n  "submissions": ['
    separator = ""
    for report in reports:
        yield f"{separator}\n{report.model_dump_json(indent=2)}".replace("\n", "\n    ")  # all line ends in it are JSON's own
        separator = ","
    yield "\n  ]\n}\n" if separator else "]\n}\n"


def schema_texts() -> dict[str, str]:
    """File name -> text of each published JSON Schema (draft 2020-12)."""
    models: dict[str, type[BaseModel]] = {
        "grades.schema.json": Grades,
        "report.schema.json": Report,
        "calibration.schema.json": Calibration,
        "sweep.schema.json": Sweep,
        "remarked.schema.json": Remarked,
        "prepared.schema.json": Prepared,
    }
    return {name: _schema_text(model) for name, model in models.items()}


def _schema_text(model: type[BaseModel]) -> str:
    found: dict[str, Any] = model.model_json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **found}, indent=2) + "\n"


def main() -> None:
    SCHEMAS.mkdir(exist_ok=True)
    for name, text in schema_texts().items():
        (SCHEMAS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
