"""The pages in a real browser: they draw, sort, filter and print, say nothing on the console, and everybody can read them."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest
from classes import write_class

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (pip install -e '.[browser]')")

from axe_playwright_python.sync_playwright import Axe
from browser import (
    ACTED_WITHIN,
    CHROMIUM,
    DRAWN_WITHIN,
    LOG,
    NO_CHROMIUM,
    TRACE,
    chromium,
    drawn,
    failure,
    graded,
    grades_of,
    ladder,
    open_details,
    opened,
    submitted,
)
from playwright.sync_api import Browser, Page, expect
from test_calibration import BEST, BRIDGE, HALF, NOTHING, calibration
from test_charts import all_charts
from test_charts import page_of as page_of_charts

from grader.records import Graded, Verdict
from grader.report import write
from grader.report.rungs import Ladder, Method
from grader.report.schema import InstanceReport, SettingReport, Sweep
from grader.report.student_page import Gallery
from grader.rubric import Rubric, parse

expect.set_options(timeout=ACTED_WITHIN)
pytestmark = [pytest.mark.long, pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)]

RUBRIC = parse(
    {
        "criteria": [
            {"kind": "threshold", "name": "sparse", "points": 0.5, "metric": "sparsity", "at_least": 0.9},
            {"kind": "beats_reference", "name": "better than the reference", "points": 0.25},
            {"kind": "manual", "name": "style", "points": 1.0},
        ]
    },
    "rubric.yaml",
)
ATTACK = (
    "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>' onmouseover='alert(4)' \"{{ 7*7 }} "
    "{% raw %} ${7*7} </pre></style><style>*{display:none}</style> \u202egnp.exe\u2066 \x1b[2J \x00 javascript:alert(5) "
    "<meta http-equiv=refresh content='0;url=https://example.org/'> ]]> --> <base href=https://example.org/>"
)
HOSTILE_ID = "<img src=x onerror=alert(6)>{{7*7}}'\"&#%"
LONG_LINE = "0123456789" * 1_000_000
FAILURES = [verdict for verdict in typing.get_args(Verdict) if verdict != "graded"]
PAGES = {
    "class": "index.html",
    "leaderboard": "leaderboard.html",
    "calibration": "calibration.html",
    "sweep": "sweep.html",
    "graded": "students/ada/report.html",
    "poor": "students/bob/report.html",
    "hostile": f"students/{HOSTILE_ID}/report.html",
    "hostile and graded": f"students/{HOSTILE_ID}2/report.html",
    **{verdict: f"students/{verdict}/report.html" for verdict in FAILURES},
}
READABLE = ["class", "leaderboard", "calibration", "sweep", "graded", "raised", "not_graded"]


class Open(Protocol):
    def __call__(self, name: str, **options: Any) -> AbstractContextManager[Page]: ...


def a_class() -> list[Graded]:
    """A submission of each verdict, two that are alike, and two that attack the pages."""
    hostile = failure("raised", ATTACK, f"{ATTACK}\n{ATTACK}", f"{ATTACK}\n{LONG_LINE}\n{ATTACK}")
    return [
        graded("ada", 0.985, 60.0, name="Ada Lovelace", email="ada@example.org", sha256="aa" * 32),
        graded("ada-twin", 0.985, 60.0, sha256="aa" * 32),
        graded("bob", 0.5, 400.0, name="Bob"),
        *(graded(f"c{place}", 0.9 + place / 100, 90.0 - 9 * place) for place in range(6)),
        *(submitted(verdict, (failure(verdict, f"{verdict}: so it went", TRACE),)) for verdict in FAILURES),
        submitted(HOSTILE_ID, (hostile,), name=ATTACK[:200], email=ATTACK[:200], notes=(ATTACK,)),
        graded(f"{HOSTILE_ID}2", 0.95, 50.0, name=ATTACK[-200:], notes=(ATTACK,)),
    ]


def a_sweep() -> Sweep:
    def setting(place: int, **figures: Any) -> SettingReport:
        parameters = {"rate": 10.0 ** -(1 + place // 3), "epochs": (1, 2, 5)[place % 3]}
        fields = {"verdict": "graded", "message": "", "sparsity": 0.9 + place / 200, "mse": 20.0 + place, "seconds": 2.0}
        score = 0.9 - place / 50
        return SettingReport(**{"parameters": parameters, "score": score, "points": 1.5 * score, **fields, **figures})

    nothing = {"sparsity": None, "mse": None, "score": None, "points": 0.0, "seconds": None}
    lost = setting(0, parameters={"rate": 5}, verdict="raised", message=ATTACK, **nothing)
    return Sweep(
        submission=ATTACK[:60],
        sha256="ab" * 32,
        data="public validation",
        rubric_digest="cd" * 32,
        grader_version="1",
        environment={"python": "3.11.7"},
        isolation="L2",
        max_points=1.5,
        parameters=["rate", "epochs"],
        settings=[*map(setting, range(12)), lost],
        best=0,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every kind of page."""
    folder = tmp_path_factory.mktemp("site")
    grades = grades_of(a_class(), RUBRIC)
    attacking = Method(name=ATTACK[:80], sparsity=0.8, mse=80.0)
    known = ladder()
    methods = Ladder(methods=[*(known.methods if known else ()), attacking])
    gallery = Gallery({"ada": drawn(1), "bob": drawn(2, 0.5), f"{HOSTILE_ID}2": drawn(3)}, drawn(4))
    write_class(folder, grades, RUBRIC, gallery, methods, pseudonym_key=b"k" * 32)
    shown: dict[str, tuple[Any, InstanceReport]] = {
        one.student: (drawn(seed), one.instances[0]) for seed, one in enumerate((BEST, BRIDGE))
    }
    found = calibration(NOTHING, HALF, BRIDGE, BEST, students=[1.4, 1.1, 0.3])
    write.write_calibration(folder, found, Rubric(), shown, [1.4, 1.1, 0.3], "bridge")
    write.write_sweep(folder, a_sweep(), Rubric())
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def page_of(browser: Browser, site: Path) -> Open:
    def open_(name: str, **options: Any) -> AbstractContextManager[Page]:
        return opened(browser, site, PAGES[name], **options)

    return open_


@pytest.mark.parametrize("name", PAGES)
def test_a_page_draws_all_its_figures_and_does_nothing_else(name: str, page_of: Open) -> None:
    with page_of(name) as page:
        expect(page.locator("h1")).to_have_count(1)
        open_details(page)
        assert page.locator("figure.chart").count() or name in FAILURES or name == "hostile"


@pytest.mark.parametrize("standalone", [False, True], ids=["assets", "standalone"])
def test_every_chart_is_drawn_from_a_file_under_the_policy(browser: Browser, tmp_path: Path, standalone: bool) -> None:
    """Warnings of the library, refusals by the policy and errors of our own would all be console messages."""
    name = page_of_charts(tmp_path, standalone).name
    with opened(browser, tmp_path, name, viewport={"width": 1200, "height": 900}) as page:
        for chart in all_charts():
            drawn = page.locator(f"figure.chart[data-spec='{chart.id}']")
            expect(drawn.locator("svg")).to_be_visible(timeout=DRAWN_WITHIN)
            assert drawn.get_attribute("data-error") is None, chart.id
            if not chart.id.startswith("empty"):
                paths = drawn.locator("path").evaluate_all(
                    "paths => paths.filter(one => one.getAttribute('d')?.length > 12).length"
                )
                assert paths > 3, chart.id
        assert "alert(1)" in page.locator("body").inner_text()


def test_what_the_attacks_would_do_is_noticed(browser: Browser, tmp_path: Path) -> None:
    """Without escaping and policy, so that the other tests' silence means something."""
    (tmp_path / "page.html").write_text(f'<h1>x</h1>{ATTACK.partition("{{")[0]}"><img src=https://example.org/x>', "utf-8")
    with pytest.raises(AssertionError) as noticed, opened(browser, tmp_path, "page.html"):
        pass
    for one in ("dialog: 1", "dialog: 2", "dialog: 3", "request: https://example.org/x"):
        assert one in str(noticed.value)


def test_hostile_texts_are_shown_as_they_are(page_of: Open) -> None:
    for name in ("class", "hostile and graded"):
        with page_of(name) as page:
            text = page.locator("body").text_content() or ""
            assert "{{7*7}}" in text or "{{ 7*7 }}" in text
            assert "<script>alert(1)</script>" in text or "<base href" in text
            assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b]", text)
            assert page.locator("img:not(.mask), base, svg[onload], [onmouseover]").count() == 0
            expect(page.locator("h1")).to_be_visible()


def test_the_table_sorts_filters_and_searches(page_of: Open) -> None:
    with page_of("class") as page:
        names = page.locator("table.sortable tbody:not(.pinned):not([hidden]) th a")
        points = page.locator("th[data-sort=points] button")
        points.click()
        expect(page.locator("th[aria-sort=descending]")).to_have_text("Points")
        assert float(page.locator("tbody:not(.pinned) td[data-value]").first.get_attribute("data-value") or 0) > 1
        points.press("Enter")
        expect(page.locator("th[aria-sort=ascending]")).to_have_text("Points")
        page.get_by_label("Show").select_option("timed_out")
        expect(names).to_have_text(["timed_out"])
        page.get_by_role("button", name="Show all").click()
        page.get_by_label("Find").fill("lovelace")
        expect(names).to_have_text(["ada"])
        expect(page.get_by_role("status")).to_contain_text("1 of")


@pytest.mark.parametrize(
    ("name", "mark", "says"),
    [("class", ".crowd_marks path", "Error"), ("graded", ".named_marks path", "Points"), ("sweep", ".mark-rect path", "rate")],
)
def test_a_mark_under_the_pointer_tells_its_figures(name: str, mark: str, says: str, page_of: Open) -> None:
    with page_of(name) as page:
        tip = page.locator(".chart-tooltip")
        expect(tip).to_be_hidden()
        page.locator(f"figure.chart {mark}").first.hover(force=True)
        expect(tip).to_be_visible()
        expect(tip).to_contain_text(says, ignore_case=True)
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()


def test_a_mark_of_the_class_leads_to_its_student(page_of: Open) -> None:
    with page_of("class") as page:
        page.locator(".crowd_marks path").last.click(force=True)
        page.wait_for_url("**/students/*/report.html")


@pytest.mark.parametrize("name", READABLE)
def test_axe_finds_nothing_in_light_and_in_dark(name: str, page_of: Open) -> None:
    # The policy is off here, because it forbids what axe does; all other tests have it on.
    with page_of(name, bypass_csp=True, color_scheme="light") as page:
        open_details(page)
        found = {"light": violations(page)}
        page.emulate_media(color_scheme="dark")
        found["dark"] = violations(page)
        assert found == {"light": [], "dark": []}


def violations(page: Page) -> list[str]:
    """Rule, place and reason of each. Without "preload", axe would fetch style sheets, which a browser forbids to files."""
    found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False}).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}: {node['failureSummary']}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("name", [*READABLE, "hostile", "hostile and graded"])
def test_a_phone_has_no_sideways_scroll(name: str, page_of: Open) -> None:
    with page_of(name, viewport={"width": 360, "height": 740}, device_scale_factor=2, is_mobile=True, has_touch=True) as page:
        open_details(page)
        wide = "[...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > 361 && "
        wide += "!one.closest('.wide')).map((one) => one.outerHTML.slice(0, 150))"
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360, page.evaluate(wide)
        assert page.evaluate("document.scrollingElement.clientWidth") == 360


@pytest.mark.parametrize("name", ["graded", "poor", "raised"])
def test_a_students_page_prints_on_two_sheets(name: str, page_of: Open) -> None:
    with page_of(name) as page:
        pdf = page.pdf(format="A4", prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 2
    assert LOG.count("\n") > 20
