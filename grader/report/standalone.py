"""A page that was written beside its assets, as one file: for an upload or a mail, long after it was written."""

from __future__ import annotations

import re
from pathlib import Path

from markupsafe import escape

from grader.errors import UsageError
from grader.report import charts
from grader.report.html import STYLE, inline_style

ASSETS = "../../assets"  # as students' pages name them
_LEFT = re.compile(r'(?:src|href)="[./]*assets/')  # no text of a student's can hold it: quotation marks are escaped
_LINKED_SOURCE = str(escape("'self' file:"))


def standalone(page: str, path: Path) -> str:
    """The page with its style sheet and scripts in itself, and a policy that allows these and nothing else.

    ``path`` is for the message: UsageError says so where the page is of another version of the grader.
    """
    head, body = page.partition("</head>")[::2]
    style, source = inline_style()
    head = head.replace(f'<link rel="stylesheet" href="{ASSETS}/{STYLE.name}">', f"<style>{style}</style>")
    head = head.replace(f"style-src {_LINKED_SOURCE};", f"style-src {escape(source)};", 1)
    linked, inlined = charts.scripts(ASSETS), charts.scripts(None)
    head = head.replace(f"script-src {_LINKED_SOURCE};", f"script-src {escape(inlined.source)};", 1)
    body = body.replace(str(linked.tags), str(inlined.tags))
    whole = f"{head}</head>{body}"
    if _LEFT.search(whole) or _LINKED_SOURCE in head:
        raise UsageError(f"{path}: was written by another version of the grader; write the reports again with 'grade.py batch'")
    return whole
