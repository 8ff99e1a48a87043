"""Into a page: the figure with its sentence and specification, and the scripts that draw it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markupsafe import Markup

from grader.report.charts.parts import Spec

ASSETS = Path(__file__).parent.parent / "assets"
# In the order in which they need each other.
SCRIPTS = ("vendor/vega.min.js", "vendor/vega-lite.min.js", "vendor/vega-interpreter.js", "charts.js")
LICENCES = {
    "vendor/vega.min.js": ("vendor/vega.LICENSE", "vendor/vega.bundled.LICENSE"),
    "vendor/vega-lite.min.js": ("vendor/vega-lite.LICENSE",),
    "vendor/vega-interpreter.js": ("vendor/vega-interpreter.LICENSE",),
}
SHIPPED = (*SCRIPTS, *(licence for licences in LICENCES.values() for licence in licences))  # what a folder of assets needs


@dataclass(frozen=True, slots=True)
class Chart:
    """What a page shows as a figure."""

    id: str  # unique in its page
    title: str
    summary: str  # one sentence in place of the picture
    spec: Spec


@dataclass(frozen=True, slots=True)
class Scripts:
    """What draws a page's charts: ``tags`` for the end of its body, ``source`` for its policy's script-src."""

    tags: Markup
    source: str


def figure(chart: Chart) -> Markup:
    """The chart as HTML: title and summary to read, and the specification that charts.js draws from."""
    return Markup(
        '<figure class="chart" data-spec="{id}">\n<figcaption><strong>{title}</strong> {summary}</figcaption>\n'
        '<div class="chart-canvas"></div>\n</figure>\n<script type="application/json" id="{id}">{json}</script>'
    ).format(id=chart.id, title=chart.title, summary=chart.summary, json=data_block(chart.spec))


def data_block(spec: Spec) -> Markup:
    """JSON for a ``<script type="application/json">``, which no policy needs to permit, and which no text in it can end."""
    return Markup(json.dumps(spec, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))


@cache
def scripts(assets: str | None) -> Scripts:
    """The scripts from the folder ``assets``, relative to the page; None puts them into the page, so that one file is all.

    Neither way needs eval or inline scripts in general: inlined ones are allowed by their hashes.
    """
    if assets is not None:
        tags = [Markup('<script src="{}/{}" defer></script>').format(assets, name) for name in SCRIPTS]
        # Browsers disagree whether 'self' covers a page opened from disk; file: is meaningless on the web.
        return Scripts(Markup("\n").join(tags), "'self' file:")
    texts = [_inline(name) for name in SCRIPTS]
    sources = ("'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'" for text in texts)
    return Scripts(Markup("\n").join(Markup(f"<script>{text}</script>") for text in texts), " ".join(sources))


def _inline(name: str) -> str:
    """A script's text with its licences before it, which end with whoever passes the page on."""
    licences = "".join(f"/*\n{(ASSETS / path).read_text('utf-8').replace('*/', '* /')}*/\n" for path in LICENCES.get(name, ()))
    text = licences + (ASSETS / name).read_text("utf-8")
    # Both mean the same within JavaScript's texts and regular expressions, the only places where they stand.
    return re.sub(r"</(?=script)", r"<\\/", text, flags=re.IGNORECASE).replace("<!--", "<\\!--")
