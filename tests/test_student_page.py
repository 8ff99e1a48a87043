"""The page that a student sees: what limits the points, what stands around the result, and nothing that is not theirs."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from classes import around_of, whole, write_class
from test_report import CRITERIA, HOSTILE, ISOLATION, PLAIN, SIZES, failed, feedback, graded, reported, submission

from grader import picture as pictures
from grader.formulas import PARAMETER_SHAPES
from grader.records import LayerCount, Measurement, Outcome, Picture
from grader.report import advice, build, charts, inverse
from grader.report.rungs import Ladder, Method
from grader.report.schema import Grades, Report
from grader.report.student import student_view
from grader.report.student_page import CROWD, FEWEST, Gallery, student_page
from grader.rubric import Rubric, parse

STEEP = parse({"score": {"mse_cap": 50, "mse_exponent": 3, "sparsity_exponent": 0.5}, "points": {"max": 20}}, "rubric.yaml")
LADDER = Ladder(methods=[Method(name="magnitude", sparsity=0.75, mse=95.0), Method(name="bridge", sparsity=0.99, mse=93.0)])


def measured(sparsity: float, mse: float) -> Measurement:
    zeros = round(142_346 * sparsity)
    layers = {name: LayerCount(int(size * sparsity), size) for name, size in SIZES.items()}
    return Measurement(zeros, 142_346, layers, mse, (mse,) * 10, "ab" * 32)


def result(sparsity: float, mse: float, instance: str = "public", **more: Any) -> Outcome:
    return Outcome(instance, measured(sparsity, mse), None, **more)


def drawn(seed: int = 0, keep: float = 0.1) -> Picture:
    random = np.random.default_rng(seed)
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in PARAMETER_SHAPES.items()}
    return pictures.derive({name: np.where(random.random(w.shape) < keep, w, np.float32(0)) for name, w in weights.items()})


def batch(*reports: Report, rubric: Rubric = PLAIN, reference: Outcome | None = None) -> Grades:
    found = build.report(submission(reference or graded("public"), student="reference"), rubric, None)
    return whole(build.about(rubric, "ef" * 32, ISOLATION, {"python": "3.11.7"}, found), reports)


def page_of(*outcomes: Outcome, rubric: Rubric = PLAIN, picture: Picture | None = None, **more: Any) -> str:
    report = reported(*outcomes, rubric=rubric, **more)
    grades = batch(report, rubric=rubric)
    beside = around_of(grades, rubric, drawn(1), LADDER)
    return student_page(student_view(report, rubric), grades, rubric, picture=picture, beside=beside)


def specs(page: str) -> dict[str, Any]:
    """The specification of every chart on the page, by its id."""
    blocks = re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', page, re.DOTALL)
    return {name: json.loads(text) for name, text in blocks}


def layer(page: str, name: str) -> list[dict[str, Any]]:
    """The marks of one layer of the plane."""
    plane = specs(page)["chart-plane"]
    return [row for one in plane["layer"] if one.get("name") == name for row in one["data"]["values"]]


# What limits the points


@pytest.mark.parametrize("rubric", [PLAIN, STEEP, feedback("banded")], ids=["default", "steep", "banded"])
@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.75, 0.95, 0.967, 0.98, 0.99, 0.9995])
@pytest.mark.parametrize("mse", [0.0, 0.5, 3.0, 20.0, 33.0, 94.0, 500.0, 2000.0])
def test_what_the_sentence_promises_gives_full_points(rubric: Rubric, sparsity: float, mse: float) -> None:
    view = student_view(reported(result(sparsity, mse), rubric=rubric), rubric)
    sentence = advice.what_limits(view, rubric)
    full = rubric.points.max
    if found := re.search(r"at this sparsity \((\S+)\), error (\S+) would", sentence):
        at, error = float(found[1]), float(found[2])
        assert rubric.points_of(rubric.score_of(error, at)) > full - advice.SHOWN_POINTS
        assert rubric.points_of(rubric.score_of(1.12 * error + rubric.score.mse_cap / 1000, at)) < full - advice.SHOWN_POINTS, (
            "more would do as well"
        )
        assert error <= mse
    elif found := re.search(r"at this error \((\S+)\), sparsity (\S+) would", sentence):
        error, enough = float(found[1].replace(",", "")), float(found[2])
        assert rubric.points_of(rubric.score_of(error, enough)) > full - advice.SHOWN_POINTS
        assert rubric.points_of(rubric.score_of(error, enough - 0.0002)) < full
        assert enough > sparsity
    else:
        assert "full points" in sentence
    if "no error would be enough" in sentence:
        assert inverse.error_for(full, view.sparsity or 0.0, rubric) is None


def test_the_sentence_is_the_one_that_the_issue_asked_for() -> None:
    view = student_view(reported(result(0.99, 94.0)), PLAIN)
    expected = "0.17 of 1.5 points are missing, nearly all to error; at this sparsity (0.990), error 24 would give full points."
    assert advice.what_limits(view, PLAIN) == expected
    assert "nearly all to error" in page_of(result(0.99, 94.0))


@pytest.mark.parametrize(
    ("sparsity", "mse", "expected"),
    [
        (0.96, 1.0, "no error would be enough at this sparsity (0.960), but at this error (1), sparsity 0.9674 would give"),
        (0.75, 95.0, "More zeros would gain most: up to 0.523 at this error (95), against 0.157 for a lower error alone."),
        (0.95, 400.0, "A lower error would gain most: up to 0.859 at this sparsity (0.950), against 0.06 for more zeros alone."),
        (0.0, 3000.0, "to error and sparsity alike; neither more zeros nor a lower error is enough alone"),
    ],
)
def test_what_would_gain_most_follows_the_rubric(sparsity: float, mse: float, expected: str) -> None:
    assert expected in advice.what_limits(student_view(reported(result(sparsity, mse)), PLAIN), PLAIN)


def test_unmet_criteria_are_no_part_of_what_the_score_is_missing() -> None:
    rubric = parse({"criteria": CRITERIA}, "rubric.yaml")
    sentence = advice.what_limits(student_view(reported(result(0.85, 150.0), rubric=rubric), rubric), rubric)
    assert "For the score 0.58 of 1.5 are missing" in sentence and sentence.startswith("2.33 of 3.25 points are missing.")
    assert "Criteria that were not met cost 0.75." in sentence and "up to 1." in sentence


def test_the_sentence_tells_no_two_errors_apart_that_the_figures_do_not() -> None:
    sentences = {
        advice.what_limits(student_view(reported(result(0.97, mse), result(0.97, mse, "hidden-1")), PLAIN), PLAIN)
        for mse in (93.62, 93.64, 93.66)
    }
    assert len(sentences) == 1


# Where you stand


def test_nothing_exact_of_hidden_data_stands_on_the_page() -> None:
    outcomes = [result(0.9712345, mse, name) for name, mse in (("public", 613.571), ("hidden-1", 617.573), ("hidden-2", 619.577))]
    reports = [reported(*outcomes, student=f"s{place}") for place in range(FEWEST)]
    grades = batch(*reports, reference=result(0.99, 613.571))
    beside = around_of(grades, PLAIN, drawn(1), LADDER)
    page = student_page(student_view(reports[0], PLAIN), grades, PLAIN, picture=drawn(), beside=beside)
    assert len(layer(page, "crowd")) == FEWEST
    for exact in ("613.57", "616.9", "617.57", "619.57", "0.97123", "0.971235"):
        assert exact not in page, exact
    assert {row["mse"] for row in layer(page, "crowd") + layer(page, "named") if row.get("kind") != "method"} == {610.0, 620.0}


@pytest.mark.parametrize("kind", ["rounded", "banded"])
def test_all_marks_are_as_coarse_as_the_rubric_says(kind: str) -> None:
    rubric = feedback(kind)
    reports = [reported(result(0.9 + place / 1000, 94.3 + place), rubric=rubric, student=f"s{place}") for place in range(20)]
    grades = batch(*reports, rubric=rubric, reference=result(0.99, 93.4))
    beside = around_of(grades, rubric)
    page = student_page(student_view(reports[3], rubric), grades, rubric, beside=beside)
    errors = {row["mse"] for row in layer(page, "crowd") + layer(page, "named")}
    allowed = {100.0, 200.0} if kind == "banded" else {94.0, 95.0, 96.0, 97.0, 98.0, 99.0, 93.0, 100.0, 110.0}
    assert errors <= allowed
    you = next(row for row in layer(page, "named") if row["kind"] == "you")
    assert you["points"] == pytest.approx(student_view(reports[3], rubric).points)


def test_the_class_is_anonymous_and_in_no_order_of_students() -> None:
    reports = [reported(result(0.5 + place * 37 % 50 / 100, 50.0), student=f"s{place:03}") for place in range(50)]
    page = page_with(reports)
    crowd = layer(page, "crowd")
    assert len(crowd) == 50 and all(set(row) == {"left", "mse", "points"} for row in crowd)
    assert crowd == sorted(crowd, key=lambda row: -row["left"])
    assert not any(report.student in page for report in reports[1:])


def page_with(reports: list[Report], rubric: Rubric = PLAIN) -> str:
    grades = batch(*reports, rubric=rubric)
    return student_page(student_view(reports[0], rubric), grades, rubric, beside=around_of(grades, rubric))


def test_a_small_class_and_one_that_may_not_be_shown_are_not() -> None:
    reports = [reported(result(0.9, 50.0), student=f"s{place}") for place in range(FEWEST)]
    assert layer(page_with(reports), "crowd") and not layer(page_with(reports[1:]), "crowd")
    private = parse({"feedback": {"class_comparison": False}}, "rubric.yaml")
    assert not layer(page_with(reports, private), "crowd")


def test_a_large_class_stays_small_on_each_page() -> None:
    reports = [reported(result(0.5 + place / 4000, 50.0 + place), student=f"s{place:04}") for place in range(1_500)]
    grades = batch(*reports)
    beside = around_of(grades, PLAIN, drawn(1), LADDER)
    page = student_page(student_view(reports[0], PLAIN), grades, PLAIN, picture=drawn(0, 0.5), beside=beside)
    assert len(layer(page, "crowd")) == CROWD and len(page.encode()) < 200_000


def test_rungs_are_judged_by_this_rubric_and_the_nearest_are_named() -> None:
    page = page_of(result(0.97, 95.0))
    rungs = {row["label"]: row["points"] for row in layer(page, "named") if row["kind"] == "method"}
    assert rungs == {"magnitude": pytest.approx(0.823, abs=1e-3), "bridge": pytest.approx(1.328, abs=1e-3)}
    assert "between “magnitude” (0.82) and “bridge” (1.33)." in page
    assert "No method of the ladder gets more points" in page_of(result(0.999, 1.0))
    assert "The lowest rung of the ladder is “magnitude”" in page_of(result(0.3, 95.0))
    steep = {row["label"]: row["points"] for row in layer(page_of(result(0.97, 5.0), rubric=STEEP), "named")}
    assert steep["bridge"] == 0.0


# Pictures of the weights


def decoded(uri: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """A PNG of one bit per pixel, by the specification's rules and not by the code that wrote it."""
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = dict[bytes, bytes](), 8
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        chunks[kind] = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + chunks[kind])
        at += 12 + length
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colour, rest) == (1, 3, [0, 0, 0]) and chunks[b"tRNS"] == b"\x00\xff" and len(chunks[b"PLTE"]) == 6
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + (width + 7) // 8)
    assert not rows[:, 0].any(), "filters"
    return np.unpackbits(rows[:, 1:], axis=1, count=width).astype(bool)


def test_the_pictures_of_the_mask_are_the_mask() -> None:
    picture = drawn()
    mask = pictures.first_layer_mask(picture)
    page = page_of(result(0.9, 95.0), picture=picture)
    whole, corner = re.findall(r'<img class="mask[^>]* src="(data:[^"]+)"', page)
    assert np.array_equal(decoded(whole), mask.T) and np.array_equal(decoded(corner), mask[:64, :64].T)
    counts = re.findall(r'alt="[^"]*: ([\d,]+) of ([\d,]+) weights are not zero', page)
    assert counts == [(f"{mask.sum():,}", "131,072"), (f"{mask[:64, :64].sum():,}", "4,096")]


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (5, 8), (2, 9)])
def test_a_mask_of_any_size_becomes_a_picture(shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(3).random(shape) < 0.5
    uri = "data:image/png;base64," + base64.b64encode(pictures.mask_png(mask)).decode()
    assert np.array_equal(decoded(uri), mask)


def test_every_weight_that_is_not_zero_is_in_the_distributions() -> None:
    picture = drawn()
    found = specs(page_of(result(0.9, 95.0), picture=picture))
    bars = [found["chart-distribution"], *found["chart-distribution-layers"]["concat"]]
    sums = [sum(row["n"] for row in one["layer"][0]["data"]["values"]) for one in bars]
    by_layer = [sum(counts) for counts in picture.histograms.values()]
    assert sums == [sum(by_layer), *by_layer]
    for one in bars:
        for row in one["layer"][0]["data"]["values"]:
            negative = row["of"].startswith("\u2212")
            assert (row["b"] < row["a"] < 0) if negative else (0 < row["a"] < row["b"]), "on its own side of zero"


def test_a_bar_stands_where_its_axis_says() -> None:
    counts = [0] * pictures.BINS
    one = pictures.BINS // 2 + 4 * 6  # from 10^0
    counts[one], counts[one + 3] = 5, 2
    spec = charts.distribution({"a": counts}, "chart-x", "x").spec
    rows = spec["layer"][0]["data"]["values"]
    assert [(row["a"], row["b"], row["of"]) for row in rows] == [(0.5, 0.75, "1 to 1.8"), (1.25, 1.5, "5.6 to 10")]
    assert "- 0.5 + 0" in spec["encoding"]["x"]["axis"]["labelExpr"], "0.5 is 10^0"
    assert charts.magnitudes(counts) == pytest.approx((1.0, 1.334, 10.0), abs=1e-3)


def test_a_model_of_nothing_but_zeros_has_a_page() -> None:
    page = page_of(result(1.0, 900.0), picture=drawn(0, 0.0))
    assert "0 of 131,072 weights are not zero" in page and page.count('<td class="number">–</td>') >= 12


def test_no_other_students_picture_is_on_the_page(tmp_path: Path) -> None:
    mine, theirs = drawn(5), drawn(6)
    reports = [reported(result(0.9, 95.0), student=name) for name in ("ada", "bob", "eve")]
    write_class(tmp_path, batch(*reports), PLAIN, Gallery({"ada": mine, "bob": theirs}, drawn(1)), LADDER)
    ada, bob, eve = ((tmp_path / f"students/{name}/report.html").read_text("utf-8") for name in ("ada", "bob", "eve"))
    image = base64.b64encode(pictures.mask_png(pictures.first_layer_mask(theirs).T)).decode()
    assert image in bob and image not in ada and "<img" not in eve and "Your weights" not in eve


def test_a_picture_is_shown_of_the_public_instance_alone() -> None:
    both = (result(0.9, 95.0, picture=drawn()), result(0.9, 95.0, "hidden-1", picture=drawn(9)))
    from grader.cli.stored import _picture

    assert _picture(submission(*both)) == both[0].picture
    assert _picture(submission(failed("public"), both[1])) is None
    assert "<img" not in page_of(failed("public"), both[1], picture=drawn(9)), "not even where one is handed in"


# What it took, and why it failed


def test_time_and_memory_stand_beside_their_limits() -> None:
    page = page_of(result(0.9, 95.0, seconds=30.0, cpu_seconds=15.0, peak_memory_bytes=1 << 30))
    assert 'aria-label="CPU time: 15.0 s of 60 s"' in page and 'aria-label="Clock time: 30.0 s of 120 s"' in page
    assert 'aria-label="Peak memory: 1,024 MiB of 4,096 MiB"' in page
    assert page.count('class="fill" width="25.000%"') >= 3
    by_wall = parse({"limits": {"clock": "wall"}}, "rubric.yaml")
    assert "CPU time: " not in page_of(result(0.9, 95.0, cpu_seconds=15.0), rubric=by_wall), "no limit, no bar"
    assert 'width="100.000%"' in page_of(failed("public", "timed_out"), rubric=parse({"limits": {"wall_seconds": 0.5}}, "r"))


TRACE = """prune.py, line 20, in prune
    mask(model)
helper.py, line 6, in mask
    for layer in <b>model</b>.features:
AttributeError: 'MLP' object has no attribute 'features'
(raised while handling KeyError: 'x', prune.py, line 3)"""


def test_the_failing_line_is_marked_and_escaped() -> None:
    page = page_of(failed("public", traceback=TRACE, line=20))
    assert re.findall("<mark>(.*?)</mark>", page) == ["    for layer in &lt;b&gt;model&lt;/b&gt;.features:"]
    assert "What to try:" in page and "line 20 of your file" in page and not specs(page)
    context = (
        "prune.py, line 9, in prune\n     8 | x = 1\n  >  9 | y = x / 0\n    10 | return y\nZeroDivisionError: division by zero"
    )
    assert re.findall("<mark>(.*?)</mark>", page_of(failed("public", traceback=context))) == ["  &gt;  9 | y = x / 0"]
    syntax = "prune.py, line 3\n    def f(\n         ^\nSyntaxError: '(' was never closed"
    assert "<mark>    def f(</mark>" in page_of(failed("public", "unreadable", traceback=syntax))


def test_the_page_says_how_to_reproduce_it() -> None:
    page = page_of(dataclasses.replace(result(0.9, 95.0), graded_at="2026-05-01T12:00:00Z"), isolation="L3")
    for needed in ("grade.py check ada.py", "isolation L3", "cd" * 32, "ab" * 32, "ef" * 32, PLAIN.digest, "3.11.7", "are 0,"):
        assert needed in page, needed


# Safety


def test_a_hostile_name_stays_within_its_text_and_its_data() -> None:
    ladder = Ladder(methods=[Method(name=HOSTILE[:200].encode("utf-8", "ignore").decode(), sparsity=0.9, mse=9.0)])
    hostile = dataclasses.replace(result(0.97, 95.0), log=HOSTILE, notes=(HOSTILE,))
    report = reported(hostile, name=HOSTILE, notes=(HOSTILE,))
    grades = batch(report)
    page = student_page(
        student_view(report, PLAIN), grades, PLAIN, picture=drawn(), beside=around_of(grades, PLAIN, None, ladder)
    )
    assert "<script>alert" not in page and "<img src=x" not in page
    assert not any(character in page for character in "\u202e\x1b\x07\x00\u200b\ud800")
    labels = [row["label"] for row in layer(page, "named")]
    assert any(label.startswith("<script>alert(1)</script>") for label in labels), "data, as it is"


def test_the_page_has_no_script_but_the_vendored_ones() -> None:
    page = page_of(result(0.9, 95.0), picture=drawn())
    tags = re.findall(r"<script[^>]*>", page)
    data = [tag for tag in tags if tag.startswith('<script type="application/json" id="chart-')]
    ours = [f'<script src="../../assets/{name}" defer>' for name in charts.SCRIPTS]
    assert [tag for tag in tags if tag not in data] == ours and len(data) == len(specs(page)) == 4
    assert "unsafe" not in page and not re.search(r"\son\w+=|javascript:|https?://|style=", page)


def test_a_page_for_mail_has_everything_in_it() -> None:
    report = reported(result(0.9, 95.0))
    page = student_page(student_view(report, PLAIN), batch(report), PLAIN, assets=None, picture=drawn())
    assert "<link" not in page and not re.search(r"<(script|img)[^>]* src=\"(?!data:)", page)
    assert page.count("<script>") == len(charts.SCRIPTS)


def test_a_batch_brings_the_scripts_that_its_pages_name(tmp_path: Path) -> None:
    write_class(tmp_path, batch(reported(result(0.9, 95.0))), PLAIN, Gallery({"ada": drawn()}))
    page = (tmp_path / "students/ada/report.html").read_text("utf-8")
    for address in re.findall(r'<(?:script src|link rel="stylesheet" href)="([^"]+)"', page):
        assert (tmp_path / "students/ada" / address).is_file(), address
