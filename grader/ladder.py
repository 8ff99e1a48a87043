"""The methods of reference/, each an ordinary submission, and the one among them that all others are compared with."""

from __future__ import annotations

from grader.pipeline import Runner, grade, read, recall
from grader.records import Graded, Upload
from grader.task import reference_folder

REFERENCE = "linear_bridge"


def reference_upload() -> Upload:
    """The reference solution, an ordinary submission."""
    path = reference_folder() / f"{REFERENCE}.py"
    return Upload(student="reference", name=path.name, source=str(path), path=path)


def ladder() -> list[Upload]:
    """Every method of reference/, each an ordinary submission under its file's stem, in order of their names."""
    paths = sorted(reference_folder().glob("*.py"))
    return [Upload(student=path.stem, name=path.name, source=str(path), path=path) for path in paths]


def grade_reference(bench: Runner) -> Graded:
    """The reference, from the ledger if it was graded before. Where it failed, the installation did: it is run again."""
    upload = reference_upload()
    known = recall(upload, read(upload), bench.conditions, bench.store) if bench.store else None
    return grade(upload, bench, fresh=bool(known and any(outcome.failure for outcome in known.outcomes)))
