"""``python -m grader.cli.ci OUT``: what a batch has found, for the GitHub job that ran it; annotations and step summary."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pydantic import ValidationError

from grader.report.github import append_summary
from grader.report.github_batch import batch_annotations, batch_summary
from grader.report.schema import Grades


def main() -> int:
    """Exit status 2 where there are no grades to show."""
    if len(sys.argv) != 2:
        print("usage: python -m grader.cli.ci OUT", file=sys.stderr)
        return 2
    path = Path(sys.argv[1]) / "grades.json"
    try:
        grades = Grades.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a file of this grader's"
        print(f"{path}: can't be read: {reason}", file=sys.stderr)
        return 2
    for line in batch_annotations(grades):
        print(line)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        append_summary(summary, lambda room: batch_summary(grades, room))
    return 0


if __name__ == "__main__":
    sys.exit(main())
