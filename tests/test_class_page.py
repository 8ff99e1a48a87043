"""The instructor's page of a batch and the class's leaderboard: what they tell, what they leave out, how the table behaves."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from classes import class_page, concerns_of, write_class
from conftest import rubric_file, run_program
from test_report import HOSTILE, PLAIN, batch, failed, graded, measured, reported

from grader import task
from grader.errors import GraderError
from grader.records import Outcome
from grader.report import write
from grader.report.attention import Concern
from grader.report.charts import ASSETS
from grader.report.class_page import LARGE, LOGS, PER_PAGE, _bins
from grader.report.leaderboard import FIRST, SECOND, leaderboard_page, pseudonyms
from grader.report.lines import Line
from grader.report.rungs import Ladder, Method, load_ladder
from grader.report.schema import Report
from grader.rubric import Rubric, parse

LADDER = Ladder(methods=[Method(name="magnitude", sparsity=0.75, mse=95.0), Method(name="bridge", sparsity=0.99, mse=93.0)])
KEY = b"k" * 32
TABLE = (ASSETS / "table.js").read_text("utf-8")


def student(id_: str, /, *outcomes: Outcome, rubric: Rubric = PLAIN, sha256: str | None = None, **more: Any) -> Report:
    """A report of its own: no other one has its file or its weights."""
    own = hashlib.sha256(id_.encode()).hexdigest()
    found = reported(*(outcomes or (graded("public"),)), student=id_, rubric=rubric)
    first = found.instances[0].model_copy(update={"weights_sha256": own if found.instances[0].weights_sha256 else None})
    changes = {"sha256": sha256 or own, "instances": [first, *found.instances[1:]], "isolation": "L2"}
    return found.model_copy(update=changes | more)


def with_weights(report: Report, sha256: str) -> Report:
    first = report.instances[0].model_copy(update={"weights_sha256": sha256})
    return report.model_copy(update={"instances": [first, *report.instances[1:]]})


def at(*places: tuple[float, float]) -> tuple[Outcome, ...]:
    """Outcomes at these sparsities and errors."""
    names = ["public", *(f"hidden-{number}" for number in range(1, len(places)))]
    return tuple(Outcome(name, measured(*place), None, seconds=1.0) for name, place in zip(names, places, strict=True))


def found(*reports: Report, rubric: Rubric = PLAIN) -> dict[str, Concern]:
    return {one.key: one for one in concerns_of(batch(*reports, rubric=rubric), rubric)}


def block(page: str, name: str) -> dict[str, Any]:
    """The JSON block of this id."""
    text = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert text
    spec: dict[str, Any] = json.loads(text[1])
    return spec


def bodies(page: str) -> list[tuple[str, str]]:
    """(student or "reference solution", tags) of each row, in order."""
    rows = re.findall(
        r'<tbody id="row-\d+"(?: data-is="([^"]*)"| class="pinned")>\s*<tr>\s*<th scope="row">(.*?)</th>', page, re.DOTALL
    )
    return [(re.sub(r"<.*?>", " ", name).split("  ")[0].strip(), tags) for tags, name in rows]


# Who needs attention


def test_nobody_needs_attention_where_all_is_well() -> None:
    assert found(student("ada"), student("bob", *at((0.9, 50.0), (0.9, 51.0)))) == {}
    assert "Nothing: everything was graded" in class_page(batch(student("ada")), PLAIN)


def test_points_within_the_spread_of_full_points_or_none_are_at_a_threshold() -> None:
    near_full = student("near", *at((0.99, 20.0), (0.99, 30.0)))
    near_none = student("none", *at((0.9, 780.0), (0.9, 830.0)))
    clear = student("clear", *at((0.99, 60.0), (0.99, 62.0)))
    alone = student("alone", *at((0.99, 23.9)))
    grades = batch(near_full, near_none, clear, alone)
    (concern,) = [one for one in concerns_of(grades, PLAIN) if one.key == "threshold"]
    assert {grades.submissions[place].student for place in concern.places} == {"near", "none"}
    reasons = " ".join(one.reason for one in concern.findings)
    assert "near full points (1.5)" in reasons and "near no points" in reasons


@pytest.mark.parametrize(
    ("bound", "listed"), [({"at_least": 0.95}, "met"), ({"at_least": 0.9512}, "missed"), ({"at_least": 0.97}, None)]
)
def test_a_criterion_within_the_spread_says_which_way_it_went(bound: dict[str, float], listed: str | None) -> None:
    criterion = {"kind": "threshold", "name": "sparse", "points": 0.5, "metric": "sparsity", **bound}
    rubric = parse({"criteria": [criterion]}, "rubric.yaml")
    report = student("ada", *at((0.949, 100.0), (0.953, 100.0)), rubric=rubric)
    concern = found(report, rubric=rubric).get("threshold")
    assert (listed is None) == (concern is None)
    assert concern is None or f"sparse ({listed})" in concern.findings[0].reason


def test_a_mean_square_bound_and_a_single_instance_are_no_trouble() -> None:
    criterion = {"kind": "threshold", "name": "close", "points": 0.5, "metric": "mse", "at_most": 100.0}
    rubric = parse({"criteria": [criterion]}, "rubric.yaml")
    assert "threshold" not in found(student("ada", *at((0.9, 100.0)), rubric=rubric), rubric=rubric)
    assert "threshold" in found(student("ada", *at((0.9, 99.0), (0.9, 102.0)), rubric=rubric), rubric=rubric)


def test_identical_files_and_identical_weights_of_different_files_are_told_apart() -> None:
    concern = found(student("a", sha256="11"), student("b", sha256="11"), student("c"))
    assert set(concern) == {"same-file"} and concern["same-file"].findings[0].places == (0, 1)
    same = [with_weights(student(name, sha256=sha256), "99") for name, sha256 in (("a", "11"), ("b", "11"), ("c", "22"))]
    concern = found(*same, student("d"))
    assert concern["same-file"].places == {0, 1} and concern["same-weights"].places == {0, 1, 2}
    assert "same-weights" not in found(*same[:2])


def test_the_references_own_weights_are_noticed() -> None:
    grades = batch(with_weights(student("ada"), "ab" * 32))
    assert grades.reference and grades.reference.sha256 != grades.submissions[0].sha256
    assert found(*grades.submissions)["same-weights"].findings[0].places == (0, -1)
    assert 'href="#row-0">reference solution</a>' in class_page(grades, PLAIN)


def test_what_is_owed_pending_weakly_confined_or_close_to_a_limit_is_listed() -> None:
    rubric = parse({"criteria": [{"kind": "manual", "name": "style", "points": 1.0}]}, "rubric.yaml")
    slow = dataclasses.replace(graded("public"), cpu_seconds=0.95 * rubric.limits.cpu_seconds)
    concern = found(
        student("owed", failed("public", "not_graded", "device lost"), rubric=rubric),
        student("slow", slow, rubric=rubric),
        student("weak", rubric=rubric, isolation="L1"),
        rubric=rubric,
    )
    assert concern["owed"].findings[0].reason == "device lost"
    assert concern["limit"].places == {1} and "57.0 of 60 s of CPU time" in concern["limit"].findings[0].reason
    assert concern["isolation"].places == {2}
    assert len(concern["pending"].findings) == 1 and {1, 2} <= concern["pending"].places


def test_a_failed_reference_is_said_first() -> None:
    grades = batch(student("ada"))
    assert "grade.py doctor" not in class_page(grades, PLAIN)
    assert "The reference solution was not graded" in class_page(grades.model_copy(update={"reference": None}), PLAIN)


# The page


def test_without_scripts_the_table_is_plain_whole_and_in_student_order() -> None:
    grades = batch(*(student(name) for name in ("c", "a", "b")), student("d", failed("public")))
    page = class_page(grades, PLAIN)
    assert [name for name, _ in bodies(page)] == ["reference solution", "a", "b", "c", "d"]
    assert re.search(r'<div class="controls"[^>]* hidden>', page) and "<tbody hidden" not in page


def test_every_row_carries_what_it_is_sorted_and_filtered_by() -> None:
    near = student("near", *at((0.99, 20.0), (0.99, 30.0)))
    page = class_page(batch(near, student("owed", failed("public", "not_graded"))), PLAIN)
    assert dict(bodies(page)[1:]) == {"near": "graded threshold", "owed": "not_graded owed"}
    values = [re.findall(r'data-value="([^"]*)"', row) for row in page.split("<tbody id=")[2:]]
    assert values[0][0] == f"{near.points:.7g}" and float(values[0][4]) == 25.0
    assert values[1] == ["", "Not graded yet", "", "", "", "1"]
    options = set(re.findall(r'<option value="([^"]+)">', page))
    assert options == {"graded", "not_graded", "threshold", "owed"}


def test_the_figures_of_the_batch_are_those_of_its_points() -> None:
    reports = [student(f"s{place}", points=float(points)) for place, points in enumerate((0, 1, 2, 3, 10))]
    page = class_page(batch(*reports), PLAIN)
    tiles = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)(?: <small>.*?)?</dd>", page))
    assert (tiles["Mean points"], tiles["Median points"], tiles["Middle half"]) == ("3.2", "2", "1–3")
    assert tiles["Graded"] == "5" and tiles["Time used"] == "6.2 s"


def test_an_empty_batch_and_one_that_is_owed_have_a_page() -> None:
    assert "0 submissions" in class_page(batch(), PLAIN)
    assert "–" in class_page(batch(student("a", failed("public", "not_graded"))), PLAIN)


def test_full_points_and_none_fall_into_the_outer_bars_and_nobody_gets_lost() -> None:
    values = [0.0, 1.5, 1.4999999, 0.05, 0.1, 0.75]
    counts = [one.count for one in _bins(values, 1.5)]
    assert sum(counts) == len(values) and (counts[0], counts[-1]) == (1, 2) and counts[1] == counts[2] == 1


def test_rungs_stand_where_this_rubric_puts_them() -> None:
    rubric = parse({"points": {"max": 20.0}}, "rubric.yaml")
    page = class_page(batch(student("ada", rubric=rubric), rubric=rubric), rubric, ladder=LADDER)
    (named,) = [one for one in block(page, "chart-points")["layer"] if one.get("name") == "named"]
    marks = {row["label"]: row for row in named["data"]["values"]}
    assert set(marks) == {"magnitude", "bridge", "reference solution"}
    assert marks["bridge"]["points"] == pytest.approx(rubric.points_of(rubric.score_of(93.0, 0.99)), abs=1e-3)
    assert marks["magnitude"]["reached"] == 1 and marks["bridge"]["reached"] == 0
    without = class_page(batch(student("ada")), PLAIN)
    assert {row["label"] for layer in block(without, "chart-points")["layer"][1:3] for row in layer["data"]["values"]} == {
        "reference solution"
    }


def test_the_histogram_leaves_criteria_aside_because_rungs_have_none() -> None:
    rubric = parse({"criteria": [{"kind": "threshold", "name": "any", "points": 9.0, "at_least": 0.0}]}, "rubric.yaml")
    report = student("ada", rubric=rubric)
    assert report.points and report.points > 9
    bars = block(class_page(batch(report, rubric=rubric), rubric), "chart-points")["layer"][0]["data"]["values"]
    (bar,) = bars
    assert bar["low"] <= (report.instances[0].points or 0.0) < bar["high"]


def test_marks_of_the_plane_lead_to_the_students_pages() -> None:
    page = class_page(batch(student("a b%ü"), student("broken", failed("public"))), PLAIN)
    crowd, named = [layer for layer in block(page, "chart-plane")["layer"] if layer.get("name") in ("crowd", "named")]
    assert [row["href"] for row in crowd["data"]["values"]] == ["students/a%20b%25%C3%BC/report.html"]
    assert 'href="students/a%20b%25%C3%BC/report.html"' in page
    assert [row["label"] for row in named["data"]["values"]] == ["reference solution"]


def test_hostile_texts_stay_texts_everywhere_on_the_page() -> None:
    name = "<b>'\"&{{7*7}}"
    report = student(name, failed("public", message=HOSTILE), name=HOSTILE[:200], email=HOSTILE[:200])
    owed = student("o", failed("public", "not_graded", HOSTILE))
    ladder = Ladder(methods=[Method(name="</script><script>alert(1)</script>", sparsity=0.5, mse=9.0)])
    page = class_page(batch(report, owed), PLAIN, ladder=ladder, pseudonyms={name: "<i>x</i>"})
    ours = re.sub(r'<script (src="[a-z./-]+" defer|type="application/json" id="[a-z-]+")>', "", page)
    assert not any(word in ours for word in ("<script", "<b>'", "<i>", "<img", "style="))
    assert "{{7*7}}" in page and 'aria-label="Submissions" hidden' in page


def test_the_tables_script_never_makes_markup_of_texts() -> None:
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
        "fetch(",
        "http",
        "</script",
    ):
        assert word not in TABLE


def test_a_thousand_talkative_submissions_make_a_page_of_a_few_megabytes() -> None:
    loud = dataclasses.replace(failed("public", message="m" * 2_000, traceback="t" * 8_000), log="l" * 60_000)
    more = (dataclasses.replace(loud, instance="hidden-1"), dataclasses.replace(loud, instance="hidden-2"))
    one = student("loud", loud, *more)
    page = class_page(batch(*(one.model_copy(update={"student": f"s{place}"}) for place in range(1_000))), PLAIN)
    assert page.count("l" * 100) <= 1.1 * LOGS / 100 and len(page) < 9_000_000
    few = class_page(batch(one), PLAIN)
    assert "l" * 3_000 in few and "l" * 3_001 not in few


def test_the_reasons_of_a_large_class_stand_on_pages_of_their_own(tmp_path: Path) -> None:
    reports = [student(f"s{place:04d}", failed("public", message=f"reason {place}")) for place in range(LARGE + 1)]
    write_class(tmp_path, batch(*reports), PLAIN)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert len(bodies(page)) == LARGE + 2 and page.count("<details>") <= 3
    last = re.search(r'<a class="why" href="(details/\d+\.html)#(row-1001)">reason 1000</a>', page)
    assert last
    there = (tmp_path / last[1]).read_text(encoding="utf-8")
    assert f'id="{last[2]}"' in there and 'href="../students/s1000/report.html"' in there and ">\nreason 1000</pre>" in there
    assert len(list((tmp_path / "details").iterdir())) == -(-(LARGE + 1) // PER_PAGE)


def test_pages_of_an_earlier_batch_are_not_taken_for_this_ones(tmp_path: Path) -> None:
    for name in ("details/7.html", "leaderboard.html"):
        write.write_text(tmp_path / name, "earlier")
    write_class(tmp_path, batch(student("ada")), PLAIN)
    assert not list(tmp_path.glob("details/*")) and not (tmp_path / "leaderboard.html").exists()


def test_a_class_that_is_not_large_has_no_pages_of_details(tmp_path: Path) -> None:
    write_class(tmp_path, batch(student("ada", failed("public"))), PLAIN)
    assert not (tmp_path / "details").exists() and 'class="why"' not in (tmp_path / "index.html").read_text(encoding="utf-8")


# The leaderboard


def test_a_pseudonym_depends_on_the_student_and_the_key_alone() -> None:
    names = pseudonyms(["ada", "bob"], KEY)
    assert names["ada"] == pseudonyms(["zoe", "ada"], KEY)["ada"] != pseudonyms(["ada"], b"other" * 8)["ada"]
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d{3}", names["ada"])
    assert len({*FIRST}) == len({*SECOND}) == 64


def test_no_two_in_a_batch_have_one_pseudonym_whatever_their_number() -> None:
    names = pseudonyms([f"student{place}" for place in range(12_000)], KEY)  # about 18 pairs would be alike
    assert len(set(names.values())) == 12_000 and any(name.count("-") == 3 for name in names.values())


def test_the_leaderboard_shows_pseudonyms_and_coarse_figures_and_nothing_else() -> None:
    reports = [
        student("Low", *at((0.9, 123.456), (0.9, 130.0)), name="Name Ada", email="a@b.c"),
        student("High", *at((0.99, 60.0), (0.99, 61.0))),
        student("None", failed("public", message="secret message")),
        student("Owed", failed("public", "not_graded")),
    ]
    names = pseudonyms([one.student for one in reports], KEY)
    page = leaderboard_page([*map(Line.of, reports)], PLAIN, names)
    assert not re.search(r"Low|High|None|Owed|Ada|a@b|secret message|/lecture|2026|hidden|123\.|students/|[0-9a-f]{12}", page)
    rows = re.findall(r'<tr><td class="number">(\d+)</td><th scope="row">(.*?)</th><td class="number">(.*?)</td>', page)
    assert [name for _, name, _ in rows] == [names[one] for one in ("High", "Low", "None")]
    assert [rank for rank, _, _ in rows] == ["1", "2", "3"]
    (crowd,) = [layer for layer in block(page, "chart-plane")["layer"] if layer.get("name") == "crowd"]
    assert [(row["label"], row["mse"]) for row in crowd["data"]["values"]] == [(names["High"], 60.0), (names["Low"], 130.0)]
    assert not any("href" in row for row in crowd["data"]["values"])


def test_equal_points_share_a_rank_and_stand_by_pseudonym() -> None:
    reports = [student(name, points=1.0001 + place / 1e5) for place, name in enumerate("abcdefgh")]  # equal once rounded
    names = pseudonyms([one.student for one in reports], KEY)
    page = leaderboard_page([*map(Line.of, reports)], PLAIN, names)
    rows = re.findall(r'<tr><td class="number">(\d+)</td><th scope="row">(.*?)</th>', page)
    assert rows == [("1", name) for name in sorted(names.values())]


def test_there_is_a_leaderboard_only_when_asked_and_its_key_is_not_the_secret(tmp_path: Path) -> None:
    home = tmp_path / "home"
    key = task.pseudonym_key(home)
    assert key == task.pseudonym_key(home) and key.hex() not in (home / "secret").read_text()
    write_class(tmp_path / "out", batch(student("ada")), PLAIN)
    assert not (tmp_path / "out/leaderboard.html").exists()
    write_class(tmp_path / "out", batch(student("ada")), PLAIN, pseudonym_key=key)
    name = pseudonyms(["ada"], key)["ada"]
    assert name in (tmp_path / "out/leaderboard.html").read_text() and name in (tmp_path / "out/index.html").read_text()


def test_a_leaderboard_needs_a_rubric_that_lets_students_compare(tmp_path: Path) -> None:
    rubric = rubric_file(tmp_path, feedback={"class_comparison": False})
    done = run_program("batch", tmp_path, "--leaderboard", "--rubric", rubric, home=tmp_path / "home")
    assert done.returncode == 2 and "feedback.class_comparison" in done.stderr


# The ladder's figures


def test_the_ladder_is_read_where_it_is_and_only_for_the_built_in_task(tmp_path: Path) -> None:
    assert load_ladder(tmp_path, PLAIN) is None
    (tmp_path / "ladder.json").write_text(LADDER.model_dump_json())
    assert load_ladder(tmp_path, PLAIN) == LADDER
    files = {"train": "a", "validation": "b", "hidden": "c", "model": "d"}
    own = parse({"task": {"files": files}, "instances": {"hidden": 0}}, "rubric.yaml")
    assert load_ladder(tmp_path, own) is None
    (tmp_path / "ladder.json").write_text('{"methods": [{"name": "x"}]}')
    with pytest.raises(GraderError, match="ladder.json: can't be read as the ladder's figures"):
        load_ladder(tmp_path, PLAIN)


# Files


def test_standalone_pages_need_no_other_file(tmp_path: Path) -> None:
    write_class(tmp_path, batch(student("ada")), PLAIN, standalone=True, pseudonym_key=KEY)
    assert not (tmp_path / "assets").exists()
    for name in ("index.html", "leaderboard.html", "students/ada/report.html"):
        page = (tmp_path / name).read_text("utf-8")
        assert not re.search(r"<script src=|<link|<script src=", page)
    page = (tmp_path / "index.html").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(TABLE.encode()).digest()).decode()
    assert f"<script>{TABLE}</script>" in page and f"'sha256-{digest}'" in html.unescape(page)


# In a browser

DRIVER = """<!DOCTYPE html><iframe src="index.html#sort=-points" width="1200" height="900"></iframe><pre></pre><script>
const told = {};
const tell = (name, doc) => {
  const bodies = [...doc.querySelectorAll("table.sortable tbody:not(.pinned)")];
  told[name] = {
    shown: bodies.filter((body) => !body.hidden).map((body) => body.querySelector("th a").textContent),
    whole: bodies.every((body) => body.rows.length === 2 && body.rows[1].className === "more"),
    pinned: doc.querySelector("table.sortable tbody").className,
    sorted: [...doc.querySelectorAll("th[aria-sort]")].map((head) => [head.textContent, head.getAttribute("aria-sort")]),
    status: doc.querySelector(".controls [role=status]").textContent,
    hash: doc.location.hash,
  };
};
document.querySelector("iframe").addEventListener("load", async ({ target }) => {
  const doc = target.contentDocument;
  const wait = (time) => new Promise((done) => setTimeout(done, time));
  const put = (element, value, event) => { element.value = value; element.dispatchEvent(new Event(event)); };
  const [find, show] = [doc.querySelector("input"), doc.querySelector("select")];
  const button = (column) => doc.querySelectorAll("table.sortable thead button")[column];
  tell("address", doc);
  button(0).click(); tell("student", doc);
  button(5).click(); tell("mse", doc);
  button(5).click(); tell("mse again", doc);
  put(show, "raised", "change"); tell("raised", doc);
  doc.querySelector(".controls button").click(); tell("reset", doc);
  put(find, "jose", "input"); tell("found", doc);
  put(find, "<SCRIPT>", "input"); tell("hostile", doc);
  put(find, "", "input");
  while (!doc.querySelector('figure[data-spec="chart-plane"][data-drawn]')) await wait(50);
  put(show, "threshold", "change"); await wait(50);
  told.faded = doc.querySelectorAll(".crowd_marks path.faded").length;
  told.marks = doc.querySelectorAll(".crowd_marks path").length;
  doc.location.hash = "#row-1"; await wait(50);
  told.opened = doc.querySelector("#row-1 details").open && !doc.querySelector("#row-1").hidden;
  doc.location.hash = "#show=graded"; await wait(50); tell("linked", doc);
  document.querySelector("pre").textContent = JSON.stringify(told);
});
</script>"""


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed (Debian: apt-get install chromium)")
@pytest.mark.parametrize("standalone", [False, True], ids=["assets", "standalone"])
def test_a_browser_sorts_filters_and_searches_the_table(tmp_path: Path, standalone: bool) -> None:
    reports = [
        student("a", *at((0.9, 200.0), (0.9, 201.0)), name="José"),
        student("b", *at((0.99, 20.0), (0.99, 30.0))),
        student("c", failed("public", message=HOSTILE)),
        student("d", *at((0.95, 1_000_500.0), (0.95, 1_000_600.0))),
        student("e", failed("public", "not_graded", "device lost")),
    ]
    write_class(tmp_path, batch(*reports), PLAIN, standalone=standalone)
    (tmp_path / "driver.html").write_text(DRIVER)
    flags = "--headless --no-sandbox --disable-gpu --allow-file-access-from-files --disable-background-networking --no-first-run"
    done = subprocess.run(
        [
            "chromium",
            *f"{flags} --enable-logging=stderr --v=0 --virtual-time-budget=30000 --dump-dom".split(),
            f"--user-data-dir={tmp_path / 'profile'}",
            (tmp_path / "driver.html").as_uri(),
        ],
        capture_output=True,
        timeout=300,
    )
    assert [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line] == []
    text = re.search(r"<pre>(.*?)</pre>", done.stdout.decode(), re.DOTALL)
    assert text and text[1], done.stderr.decode(errors="replace")[-2000:]
    told = json.loads(html.unescape(text[1]))
    shown = {name: "".join(value["shown"]) for name, value in told.items() if isinstance(value, dict)}
    assert shown == {
        "address": "bacde",  # best first, equal ones in student order, what has no points last
        "student": "abcde",
        "mse": "dabce",
        "mse again": "badce",  # what has no figure stays last in both directions
        "raised": "c",
        "reset": "badce",
        "found": "a",
        "hostile": "c",
        "linked": "bad",
    }
    assert told["address"]["sorted"] == [["Points", "descending"]] and told["mse again"]["sorted"] == [["MSE", "ascending"]]
    assert told["student"]["sorted"] == [["Student", "ascending"]] and told["mse"]["hash"] == "#sort=-mse"
    assert all(value["whole"] and value["pinned"] == "pinned" for value in told.values() if isinstance(value, dict))
    assert told["raised"]["status"] == "1 of 5 submissions" and told["raised"]["hash"] == "#sort=mse&show=raised"
    assert told["opened"] and (told["faded"], told["marks"]) == (2, 3)
