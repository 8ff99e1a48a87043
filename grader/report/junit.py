"""A self-check as JUnit XML: the core that GitLab, Jenkins and GitHub's actions all read.

One test case for each instance and each criterion, and one for ``--min-points``. A failure of the submission is a <failure>,
one of the grader an <error>, a mark that a person has still to give is <skipped>. Readers differ in which attributes they
show, so the text stands in the element's body too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from grader.report.checked import Checked
from grader.report.schema import InstanceReport, MarkReport
from grader.report.text import inert, quoted

# XML 1.0 has no way to write these, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LONGEST = 100_000  # characters of one text; GitLab takes files below 30 MB


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    seconds: float = 0.0
    result: str = ""  # the child element's name: failure, error or skipped; empty where it passed
    kind: str = ""
    message: str = ""
    body: str = ""
    output: str = ""


def junit(checked: Checked) -> str:
    """The file's text, UTF-8 XML 1.0. Names of cases are unique: of two with the same one GitLab keeps the first."""
    report = checked.report
    cases = [_instance(one, checked) for one in report.instances]
    cases += [_criterion(mark) for mark in report.marks]
    if checked.min_points > 0:
        short = checked.shortfall or ("" if checked.passed else f"expected at least {checked.min_points:g} points")
        result = "failure" if short else ""
        cases.append(_Case(f"at least {checked.min_points:g} points", result=result, kind="points", message=short))
    seconds = sum(case.seconds for case in cases)
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.result == "failure" for case in cases)),
        "errors": str(sum(case.result == "error" for case in cases)),
        "skipped": str(sum(case.result == "skipped" for case in cases)),
        "time": f"{seconds:.3f}",
    }
    root = Element("testsuites", {"name": "prunegrade", **counts})
    when = (report.graded_at or "1970-01-01T00:00:00Z").removesuffix("Z")
    about = {"name": _allowed(report.student), **counts, "timestamp": when, "hostname": "localhost"}
    suite = SubElement(root, "testsuite", about)
    for case in cases:
        _add(suite, case, f"prunegrade.{report.student}", checked.entry)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _instance(one: InstanceReport, checked: Checked) -> _Case:
    figures = f"{checked.headline}\n{checked.reason}\n" if one.verdict == "graded" else ""
    log = f"what it printed:\n{quoted(one.log)}\n" if one.log else ""
    return _Case(
        name=one.name,
        seconds=one.seconds or 0.0,
        result={"graded": "", "not_graded": "error"}.get(one.verdict, "failure"),
        kind=one.exception or one.verdict,
        message=one.message,
        body=one.traceback,
        output=figures + log,
    )


def _criterion(mark: MarkReport) -> _Case:
    if mark.pending:
        result = "skipped"
    elif mark.points is None:
        result = "error"
    else:
        result = "" if mark.points >= mark.max_points else "failure"
    return _Case(f"criterion: {mark.criterion}", result=result, kind="criterion", message=mark.reason)


def _add(suite: Element, case: _Case, group: str, file: str | None) -> None:
    place = {"file": _allowed(file)} if file else {}
    names = {"classname": _allowed(group), "name": _allowed(case.name), **place, "time": f"{case.seconds:.3f}"}
    element = SubElement(suite, "testcase", names)
    if case.result:
        about = {"message": _allowed(inert(case.message))} | ({"type": _allowed(case.kind)} if case.result != "skipped" else {})
        told = SubElement(element, case.result, about)
        told.text = _allowed("\n".join([f"{case.kind}:", *(quoted(text) for text in (case.message, case.body) if text)]))
    if case.output:
        SubElement(element, "system-out").text = _allowed(case.output)


def _allowed(text: str) -> str:
    kept = _FORBIDDEN.sub("�", text)
    if len(kept) <= LONGEST:
        return kept
    cut = f"[… {len(kept) - LONGEST:,} characters cut …]"
    return f"{kept[: LONGEST // 2]}\n{cut}\n{kept[-LONGEST // 2 :]}"
