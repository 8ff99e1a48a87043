"""What all pages have in common: templates, style sheet, scripts. Nothing is loaded from elsewhere.

Jinja2 escapes every value; a content security policy forbids what escaping should have stopped already. Pages with charts
may run the vendored scripts that draw them, and no others.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from grader.report import charts
from grader.report.advice import Words, explain, points_text
from grader.rubric import Rubric

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent
STYLE = HERE / "assets" / "report.css"
_BUFFERED = 200  # values and texts between them that are put together before they are handed on


def page(
    template: str, assets: str | None, *, with_charts: bool = False, own_scripts: tuple[str, ...] = (), **values: Any
) -> str:
    """A whole page. ``assets`` is the relative path of their folder; None puts style and scripts into the page itself.

    ``own_scripts`` are the page's own beside those of charts. ``values`` are what the template shows; ``rubric`` must be
    among them.
    """
    return "".join(pieces(template, assets, with_charts=with_charts, own_scripts=own_scripts, **values))


def pieces(
    template: str, assets: str | None, *, with_charts: bool = False, own_scripts: tuple[str, ...] = (), **values: Any
) -> Iterator[str]:
    """The same piece by piece, for pages that are too large to be held: ``values`` may be iterators."""
    rubric: Rubric = values["rubric"]

    def words(verdict: Any) -> Words:
        return explain(verdict, rubric)

    if assets is None:
        style, source = inline_style()
        values |= {"inline_style": style, "style_source": source}
    else:
        # Browsers disagree whether 'self' covers a page opened from disk; file: is meaningless on the web.
        values |= {"inline_style": None, "style_source": "'self' file:", "stylesheet": f"{assets}/{STYLE.name}"}
    scripts = _with_own(charts.scripts(assets), assets, own_scripts) if with_charts else None
    stream = _environment().get_template(template).stream(**values, scripts=scripts, explain=words)
    stream.enable_buffering(_BUFFERED)
    return iter(stream)


def inline_style() -> tuple[Markup, str]:
    """The style sheet for a page that is one file, and the source by which its policy allows it."""
    style = STYLE.read_text(encoding="utf-8")
    return Markup(style), "'sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() + "'"


def _with_own(found: charts.Scripts, assets: str | None, names: tuple[str, ...]) -> charts.Scripts:
    """The page's own scripts before those of its charts, because they are small and make it usable."""
    tags, sources = [], [found.source]
    for name in names:
        if assets is not None:
            tags.append(Markup('<script src="{}/{}" defer></script>\n').format(assets, name))
            continue
        text = (HERE / "assets" / name).read_text(encoding="utf-8")
        tags.append(Markup(f"<script>{text}</script>\n"))
        sources.append("'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'")
    return charts.Scripts(Markup("").join([*tags, found.tags]), " ".join(sources))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # only now: most commands write no page

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": _points, "percent": _percent, "figure": _figure, "seconds": _seconds}
    return environment


def _points(value: float | None) -> str:
    return "–" if value is None else points_text(value)


def _percent(share: float | None) -> str:
    """A share with up to two decimals; never rounded up to 100 %, because one missing zero is a fact."""
    if share is None:
        return "–"
    return f"{math.floor(round(share * 10_000, 6)) / 100:.2f} %"


def _figure(value: float | None) -> str:
    """Four significant digits, in plain notation where that is short."""
    if value is None:
        return "–"
    return f"{value:.4g}" if value < 1e4 else f"{value:,.0f}" if value < 1e9 else f"{value:.2e}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"
