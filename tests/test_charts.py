"""Every chart's data says what it must; in test_browser a real browser draws it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from grader.formulas import PARAMETER_COUNT
from grader.report import charts, inverse
from grader.report.charts import ASSETS, Chart, Mark, Rung, figure, scripts
from grader.rubric import Rubric, parse

HOSTILE = "</script><script>alert(1)</script>{{ 7 * 7 }}' + datum + \u202egnp"
STEEP = parse(
    {"score": {"mse_cap": 50, "mse_exponent": 3, "sparsity_exponent": 0.5}, "points": {"max": 20, "upper": 0.99}}, "steep"
)


class Weights:
    """Some weights of every tensor; ``keep`` of them are not zero."""

    def __init__(self, keep: float, step: int = 10) -> None:
        self.keep, self.step = keep, step

    def samples(self) -> list[tuple[int, float]]:
        indices = [*range(0, PARAMETER_COUNT, self.step), PARAMETER_COUNT - 1]
        return [(i, -0.01 * (1 + place % 7) if place % 100 < 100 * self.keep else 0.0) for place, i in enumerate(indices)]


def student(place: int) -> Mark:
    return Mark("", 0.5 + 0.49 * (place % 97) / 97, 10.0 + place % 1013, 1.0, "student", f"students/{place}/report.html")


def setting(score: float | None, **parameters: float | str) -> dict[str, Any]:
    label = ", ".join(f"{name}={value}" for name, value in parameters.items())
    return {"setting": label, "score": score, "points": score, "mse": 40.0, "sparsity": 0.98, **parameters}


def layers(chart: Chart) -> list[dict[str, Any]]:
    return list(chart.spec["layer"])


def rows(chart: Chart, name: str) -> list[dict[str, Any]]:
    """The data of the layer of this name, or of the first with marks of this type."""
    found = next((one for one in layers(chart) if one.get("name") == name or one["mark"]["type"] == name), None)
    return list(found["data"]["values"]) if found else []


def every(thing: Any) -> Iterator[tuple[str, Any]]:
    """All keys of nested specifications with their values."""
    for key, value in thing.items() if isinstance(thing, Mapping) else enumerate(thing):
        yield str(key), value
        if isinstance(value, (Mapping, list, tuple)):
            yield from every(value)


def all_charts() -> list[Chart]:
    """One of each kind, with hostile texts, then each with nothing to show."""
    marks = [*map(student, range(300)), Mark("method", 0.9, 200.0, 0.5, "method"), Mark(HOSTILE, 1.0, 5e9, 0.0, "reference")]
    sweep = [setting(0.5 + a / 10, rate=10.0**-a, schedule=b) for a in range(5) for b in ("cosine", HOSTILE)]
    drawn = [
        charts.plane([*marks, Mark("you", 0.98, 30.0, 1.2, "you")], Rubric()),
        charts.rungs(
            [Rung(HOSTILE, 1.0, 0.9, 1.1), Rung("optimal_brain_surgeon_finetuned", 0.2, 0.1, 0.3)], Rubric(), [0.0, 1.5]
        ),
        charts.weights_by_index({HOSTILE: Weights(0.1), "dense": Weights(1.0)}),
        charts.layer_sparsity({HOSTILE: {"layers.0.weight": 0.99, "layers.2.bias": 0.0}, "b": {"layers.0.weight": 0.5}}),
        charts.sweep_scores(sweep),
        charts.sweep_plane(sweep),
        charts.sweep_against(sweep, "rate"),
        charts.sweep_against(sweep, "schedule"),
        charts.sweep_points(sweep, 1.5),
    ]
    empty = [
        charts.plane([], Rubric()),
        charts.rungs([], Rubric()),
        charts.weights_by_index({"zeros": Weights(0.0)}),
        charts.layer_sparsity({"none": {}}),
        charts.sweep_scores([]),
        charts.sweep_plane([]),
        charts.sweep_against([], "rate"),
        charts.sweep_points([], 1.5),
    ]
    return drawn + [Chart(f"empty-{place}", chart.title, chart.summary, chart.spec) for place, chart in enumerate(empty)]


@pytest.mark.parametrize(
    "entry", json.loads((ASSETS / "vendor/versions.json").read_text()), ids=lambda entry: str(entry["package"])
)
def test_a_vendored_file_is_the_one_that_was_fetched(entry: dict[str, Any]) -> None:
    folder = ASSETS / "vendor"
    assert hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert f"{entry['package']}@{entry['version']}" in (folder / "README.md").read_text()
    assert f"vendor/{entry['file']}" in charts.SCRIPTS
    assert charts.LICENCES[f"vendor/{entry['file']}"] == tuple(f"vendor/{name}" for name in entry["licence_files"])


def test_nothing_else_is_vendored() -> None:
    ours = {"vendor/README.md", "vendor/versions.json", "charts.js"}
    assert {f"vendor/{path.name}" for path in (ASSETS / "vendor").iterdir()} | ours == {*charts.SHIPPED, *ours}


@pytest.mark.parametrize("rubric", [Rubric(), STEEP], ids=["default", "steep"])
def test_lines_of_equal_points_give_these_points(rubric: Rubric) -> None:
    chart = charts.plane([Mark("a", 0.2, 3.0, 1.0, "method")], rubric)
    lines = [row for layer in layers(chart) if layer["mark"]["type"] == "line" for row in layer["data"]["values"]]
    assert {row["points"] for row in lines} == {rubric.points.max * step / 5 for step in range(6)}
    for row in lines:
        points = rubric.points_of(rubric.score_of(row["mse"], 1 - row["left"]))
        assert points == pytest.approx(row["points"], abs=2e-4 * rubric.points.max)


@pytest.mark.parametrize("sparsity", [0.9, 0.97, 0.99, 1.0])
def test_the_error_for_points_is_the_inverse_of_the_rubric(sparsity: float) -> None:
    rubric = Rubric()
    for points in (0.1, 0.7, 1.5):
        error = inverse.error_for(points, sparsity, rubric)
        if error is None:
            assert rubric.points_of(rubric.score_of(0.0, sparsity)) < points
        else:
            assert rubric.points_of(rubric.score_of(error, sparsity)) == pytest.approx(points)


def test_full_points_out_of_reach_have_no_error() -> None:
    assert inverse.error_for(1.5, 0.96, Rubric()) is None
    assert inverse.error_for(1.5, 0.99, Rubric()) == pytest.approx(23.95, abs=0.1)
    assert inverse.error_for(0.0, 0.0, Rubric()) is None


def test_the_plane_is_drawn_under_a_rubric_with_extensions_too() -> None:
    late = {"due": "2026-12-01T23:59", "timezone": "Europe/Berlin", "percent_per_day": 10, "extensions": {"ada": "48h"}}
    mark = Mark("a", 0.9, 10.0, 1.0, "method")
    assert charts.plane([mark], parse({"late": late}, "rubric.yaml")) == charts.plane([mark], Rubric())


def test_the_plane_draws_at_most_2000_marks_evenly_and_says_so() -> None:
    marks = [*map(student, range(6_000)), *(Mark(f"m{place}", 0.9, 99.0, 1.0, "method") for place in range(30))]
    chart = charts.plane(marks, Rubric())
    crowd, named = rows(chart, "crowd"), rows(chart, "named")
    assert (len(crowd), len(named)) == (1_970, 30)
    assert "2,000 of 6,030 are drawn" in chart.summary
    places = [int(row["href"].split("/")[1]) for row in crowd]
    assert max(b - a for a, b in itertools.pairwise(places)) <= 4
    assert sum("quiet" not in row for row in named) == charts.MAX_LABELS


def test_what_is_not_finite_is_left_out_and_mentioned() -> None:
    good = Mark("good", 0.9, 99.0, 1.0, "method")
    chart = charts.plane([good, Mark("a", 0.9, math.inf, 0.0, "method"), Mark("b", math.nan, 1.0, 0.0, "student")], Rubric())
    assert [row["label"] for row in rows(chart, "named")] == ["good"] and "2 without finite figures are left out" in chart.summary
    chart = charts.rungs([Rung("a", math.nan, 0, 1), Rung("b", 1, math.nan, math.inf)], Rubric(), [math.nan, 1.0])
    assert [row["label"] for row in rows(chart, "circle")] == ["b"] and "1 without finite figures is left out" in chart.summary
    assert "1 student " in chart.summary
    chart = charts.sweep_scores([setting(0.5, a=1), setting(None, a=2), setting(math.nan, a=3)])
    assert "1 setting " in chart.summary and "2 without finite figures are left out" in chart.summary


def test_anonymous_marks_show_no_name_and_you_stand_in_the_summary() -> None:
    chart = charts.plane([Mark("", 0.9, 99.0, 1.0, "student"), Mark("Ann", 0.95, 50.0, 1.25, "you")], Rubric())
    crowd = next(layer for layer in layers(chart) if layer.get("name") == "crowd")
    assert [tip["field"] for tip in crowd["encoding"]["tooltip"]] == ["kind", "sparsity", "mse", "points"]
    assert "you stand at sparsity 95.00\u00a0% and error 50 with 1.25 of 1.5 points" in chart.summary


def test_rungs_go_from_the_best_to_the_worst_and_count_every_student() -> None:
    chart = charts.rungs([Rung("low", 0.1, 0, 0.2), Rung("high", 1.4, 1.3, 1.5)], Rubric(), [0.0, 0.0, 0.7, 1.5, 9.0])
    assert [row["label"] for row in rows(chart, "circle")] == ["high", "low"]
    assert sum(row["students"] for row in rows(chart, "tick")) == 5
    assert "from “low” with 0.1 to “high” with 1.4" in chart.summary


def test_weights_leave_out_zeros_and_know_their_parameter() -> None:
    chart = charts.weights_by_index({"pruned": Weights(0.1), "dense": Weights(1.0)})
    pruned, dense = (panel["layer"][1]["data"]["values"] for panel in chart.spec["concat"])
    assert len(pruned) == 1_000 and len(dense) == 1_000 and all(row["w"] > 0 for row in pruned + dense)
    assert {row["in"] for row in dense if row["i"] < 131_072} == {"layers.0.weight"}
    assert {row["in"] for row in dense if 132_096 <= row["i"] < 142_336} == {"layers.2.weight"}
    assert "are drawn, evenly chosen" in chart.summary
    marks = [one["i"] for one in chart.spec["concat"][0]["layer"][0]["data"]["values"]]
    assert marks == [131_072, 132_096, 142_336]


def test_one_missing_zero_is_not_all_of_them() -> None:
    chart = charts.layer_sparsity({"a": {"layers.0.weight": 131_071 / 131_072, "layers.0.bias": 1.0}})
    assert [row["text"] for row in rows(chart, "bar")] == ["99.99\u00a0%", "100.00\u00a0%"]


def test_you_and_the_reference_have_their_colours_everywhere() -> None:
    chart = charts.layer_sparsity({label: {"layers.0.weight": 0.9} for label in ("you", "reference solution", "a", "b")})
    colors = layers(chart)[0]["encoding"]["color"]["scale"]["range"]
    assert colors == ["var(--chart-you)", "var(--chart-reference)", "var(--chart-1)", "var(--chart-4)"]


def test_the_best_setting_stands_first_and_apart() -> None:
    for chart in (charts.sweep_scores(sweep := [setting(0.1, a=1), setting(0.9, a=2)]), charts.sweep_points(sweep, 1.5)):
        best = next(layer for layer in layers(chart) if layer["mark"].get("style") == "bar-best")["data"]["values"]
        assert [(row["row"], row["setting"]) for row in best] == [(0, "a=2")]
        assert "best is “a=2” with 0.9" in chart.summary


def test_a_parameter_over_decades_gets_a_logarithmic_axis_and_words_get_an_ordinal_one() -> None:
    def axis(values: list[Any]) -> dict[str, Any]:
        x = charts.sweep_against([setting(0.5, a=value) for value in values], "a").spec["encoding"]["x"]
        return {"type": x["type"], "scale": x["scale"].get("type")}

    assert axis([0.001, 0.01]) == {"type": "quantitative", "scale": "log"}
    assert axis([1, 2, 3]) == {"type": "quantitative", "scale": None}
    assert axis([0, 100]) == {"type": "quantitative", "scale": None}
    assert axis(["adam", 3]) == {"type": "ordinal", "scale": "point"}


def test_exactly_one_other_parameter_makes_series() -> None:
    two = [setting(0.5, a=a, b=b) for a in (1, 2) for b in (10, 9)]
    assert layers(charts.sweep_against(two, "a"))[0]["encoding"]["color"]["scale"]["domain"] == ["9", "10"]
    three = [setting(0.5, a=a, b=a % 2, c=a % 3) for a in range(6)]
    assert all("value" in layer["encoding"]["color"] for layer in layers(charts.sweep_against(three, "a")))


@pytest.mark.parametrize("chart", all_charts(), ids=lambda chart: str(chart.id))
def test_a_chart_is_plain_data_with_a_sentence(chart: Chart) -> None:
    assert chart.title and chart.summary.endswith(".") and "\u202e" not in chart.summary
    page = str(figure(chart))
    block = page.split('<script type="application/json"')[1].split(">", 1)[1].removesuffix("</script>")
    assert "<" not in block and page.count("</script") == 1
    assert json.loads(block) == json.loads(json.dumps(chart.spec))
    for key, value in every(chart.spec):
        assert key not in {"url", "href"} or str(value).startswith("students/")
        assert not (key in {"labelExpr", "expr", "test", "signal"} and "alert" in str(value)), "texts must not reach expressions"


def test_inlined_scripts_are_allowed_by_their_hashes_alone() -> None:
    inlined = scripts(None)
    texts = re.findall(r"<script>(.*?)</script>", str(inlined.tags), re.DOTALL)
    assert len(texts) == len(charts.SCRIPTS) == str(inlined.tags).lower().count("</script")
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    assert inlined.source == " ".join(f"'sha256-{one}'" for one in hashes)
    assert all("Redistribution" in text for text in texts[:3])
    assert '"../../a&amp;b/charts.js"' in str(scripts("../../a&b").tags) and "unsafe" not in scripts("assets").source


def page_of(folder: Path, standalone: bool) -> Path:
    """A page with all charts, under the policy of the real ones; a browser is shown it in test_browser."""
    style = (ASSETS / "report.css").read_text("utf-8")
    if standalone:
        head = f"<style>{style}</style>"
        styles = "'sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() + "'"
    else:
        shutil.copytree(ASSETS, folder / "assets")
        head, styles = '<link rel="stylesheet" href="assets/report.css">', "'self' file:"
    found = scripts(None if standalone else "assets")
    policy = (
        f"default-src 'none'; style-src {styles}; script-src {found.source}; img-src data:; base-uri 'none'; form-action 'none'"
    )
    body = "\n".join(map(figure, all_charts()))
    page = folder / "page.html"
    page.write_text(
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"{head}<body>{body}{found.tags}</body></html>",
        "utf-8",
    )
    return page
