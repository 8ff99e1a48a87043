"""What submissions share is found whatever they are called; what was given or is common does not count; nothing of them runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from classes import whole, write_class
from conftest import ROOT, run_program
from hypothesis import given
from hypothesis import strategies as st
from test_report import graded as outcome
from test_report import reported

from grader.cli.exporting import read_grades
from grader.cli.program import app
from grader.errors import UsageError
from grader.records import Isolation
from grader.report import build
from grader.report.schema import Report
from grader.rubric import Rubric
from grader.similarity.classes import Found, compare
from grader.similarity.entries import Entry, Graded, collect, template
from grader.similarity.page import similarity_page
from grader.similarity.passages import Indexed, K, fingerprints, own_tokens, shared
from grader.similarity.tokens import TooSlowError, Vocabulary, tokens_of

BRIDGE = (ROOT / "reference" / "linear_bridge.py").read_text(encoding="utf-8")
SNIP = (ROOT / "reference" / "snip.py").read_text(encoding="utf-8")
GRASP = (ROOT / "reference" / "grasp.py").read_text(encoding="utf-8")
BEST = (ROOT / "reference" / "best.py").read_text(encoding="utf-8")
LAMP = (ROOT / "reference" / "iterative_lamp.py").read_text(encoding="utf-8")


def words(text: str) -> list[int]:
    return tokens_of([(0, text)], WORDS).codes.tolist()


WORDS = Vocabulary()


def entry(label: str, text: str, **more: str | None) -> Entry:
    return Entry(label, text, ((0, text),), sha256=more.get("sha256", label), weights=more.get("weights"))


def found(*entries: Entry, given: str = "", least: float = 0.3, most: int = 40) -> Found:
    return compare(entries, [given] if given else [], least=least, most=most)


def labels(result: Found) -> list[tuple[str, str]]:
    return [(result.entries[pair.first].label, result.entries[pair.second].label) for pair in result.pairs]


def renamed(text: str) -> str:
    """What somebody does who does not want to be found: other names, comments, constants, layout, texts."""
    text = re.sub(r'"""(.|\n)*?"""', '"""Mine."""', text)
    for number, name in enumerate(sorted(set(re.findall(r"\b(\w{3,}) = ", text)))):
        text = re.sub(rf"(?<![.\w])({name})\b(?!\()", f"own{number}", text)
    text = re.sub(r"\b\d+\b", "77", text)
    return text.replace("\n\n", "\n# my own idea\n\n\n")


# Tokens


def test_names_comments_constants_and_layout_change_nothing() -> None:
    one = 'import torch\n\ndef f(x, lr=1e-3):\n    """Doc."""\n    y = torch.abs(x) * 2  # why\n    return f"{y:.2f}" + "a"\n'
    other = "def g(a,\n      b=5):\n  c = t.abs(a)*(\n 3)\n  return f'{c:.3f}' + '''b\nc'''\n".replace("*(\n 3)", "*3")
    assert words(one) == words(other)


@pytest.mark.parametrize(("one", "other"), [("x.sum()", "x.mean()"), ("if x: y", "while x: y"), ("len(x)", "sum(x)")])
def test_what_a_library_calls_its_things_makes_a_difference(one: str, other: str) -> None:
    assert words(one) != words(other)


@pytest.mark.parametrize("text", ["def (:\n", 'x = """never closed', "\x00\x1b\ud7ff é ﷽ \u202e", "1__2 $ ? `", "f'{{{'"])
def test_broken_sources_have_tokens_too(text: str) -> None:
    found = tokens_of([(7, text)], Vocabulary())
    assert len(found.codes) == len(found.starts) == len(found.ends) > 0
    assert all(7 <= start < end <= 7 + len(text) for start, end in zip(found.starts, found.ends, strict=True))


def test_a_source_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(TooSlowError):
        tokens_of([(0, (" " * 100 + "\n") * 20_000)], Vocabulary(), seconds=0.1)


# Passages

CODES = st.lists(st.integers(0, 2), max_size=120).map(lambda codes: np.array(codes, dtype=np.int64))


def test_fingerprints_are_the_same_everywhere() -> None:
    """Worked out here by plain integers; Python's own hash of a text is another one in every process."""

    def mixed(code: int) -> int:
        value = code + 0x9E3779B97F4A7C15
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
        return value ^ (value >> 31)

    expected = [sum(mixed(start + j) * 0x9E3779B97F4A7C15 ** (K - 1 - j) for j in range(K)) % 2**64 for start in range(3)]
    assert [int(one) for one in fingerprints(np.arange(K + 2))] == expected


@given(CODES, CODES)
def test_passages_are_equal_runs_that_do_not_overlap_and_none_is_missed(one: np.ndarray, other: np.ndarray) -> None:
    indexed = [Indexed(codes, fingerprints(codes), np.ones(len(codes), dtype=np.bool_)) for codes in (one, other)]
    passages = shared(*indexed)
    for side, codes in enumerate((one, other)):
        places = [place for p in passages for place in range((p.first, p.second)[side], (p.first, p.second)[side] + p.length)]
        assert len(places) == len(set(places)) and all(place < len(codes) for place in places)
    for p in passages:
        assert p.length >= K and (one[p.first : p.first + p.length] == other[p.second : p.second + p.length]).all()
    runs = [{codes[i : i + K].tobytes() for i in range(len(codes) - K + 1)} for codes in (one, other)]
    assert bool(passages) == bool(runs[0] & runs[1])


@given(CODES, CODES)
def test_what_was_given_is_nobodys_own(codes: np.ndarray, given_codes: np.ndarray) -> None:
    known = {given_codes[i : i + K].tobytes() for i in range(len(given_codes) - K + 1)}
    expected = np.ones(len(codes), dtype=np.bool_)
    for i in range(len(codes) - K + 1):
        if codes[i : i + K].tobytes() in known:
            expected[i : i + K] = False
    assert (own_tokens(codes, fingerprints(codes), np.unique(fingerprints(given_codes))) == expected).all()


# A class


def test_a_copy_is_found_under_other_names_and_honest_work_is_not() -> None:
    result = found(
        entry("a", BRIDGE), entry("b", renamed(BRIDGE) + "\nx = [len(y) for y in z]\n"), entry("c", SNIP), entry("d", BEST)
    )
    assert labels(result) == [("a", "b")]
    assert result.pairs[0].first_share > 0.9 and not result.same_code


def test_code_that_is_the_same_but_for_its_names_is_one_group_and_one_stands_for_it() -> None:
    result = found(
        entry("a", BRIDGE), entry("b", renamed(BRIDGE)), entry("c", BRIDGE, sha256="a"), entry("d", BRIDGE + "\n" + SNIP)
    )
    assert result.same_code == [(0, 1, 2)] and result.same_files == [(0, 2)]
    assert labels(result) == [("a", "b"), ("a", "d")] and result.pairs[0].similarity == 1.0


def test_the_template_does_not_count() -> None:
    one, other = BRIDGE + "\n" + SNIP, BRIDGE + "\n" + LAMP
    assert labels(found(entry("a", one), entry("b", other))) == [("a", "b")]
    result = found(entry("a", one), entry("b", other), entry("c", BRIDGE), given=BRIDGE)
    assert not result.pairs and "nothing in it but what was given" in result.problems[2]


def test_the_same_code_is_wholly_shared_whatever_lines_were_given() -> None:
    """Stretches of one's own that are too short for a passage count neither as shared nor as own."""
    lines = LAMP.splitlines(keepends=True)
    given_lines = "".join(lines[: len(lines) // 3]) + "x = 1\n" + "".join(lines[len(lines) // 2 :])
    result = found(entry("a", LAMP + BRIDGE), entry("b", renamed(LAMP + BRIDGE)), given=given_lines)
    assert labels(result) == [("a", "b")]
    assert result.pairs[0].first_share == result.pairs[0].second_share == result.pairs[0].similarity == 1.0


def test_what_many_share_is_common_knowledge() -> None:
    own = [f"def f{i}(x):\n" + "".join(f"    x = x.own_{i}_{j}(x)[0] + 1\n" for j in range(12)) for i in range(12)]
    class_ = [entry(f"s{i:02}", BRIDGE + "\n" + text) for i, text in enumerate(own)]
    assert not found(*class_).pairs and found(*class_[:10]).pairs
    copied = entry("s99", BRIDGE + "\n" + own[3] + own[4])
    assert {("s03", "s99"), ("s04", "s99")} == set(labels(found(*class_, copied)))


def test_the_same_weights_are_told_of_where_the_code_is_not_the_same() -> None:
    one, twin = entry("a", BRIDGE, weights="w"), entry("b", renamed(BRIDGE), weights="w")
    assert not found(one, twin).same_weights
    assert found(one, twin, entry("c", SNIP, weights="w")).same_weights == [(0, 1, 2)]


def test_only_the_most_similar_pairs_are_listed() -> None:
    class_ = [entry(f"s{i}", "\n".join([BRIDGE, *[GRASP.replace("def ", f"def a{i}.x{j}") for j in range(i)]])) for i in range(4)]
    every = found(*class_, least=0.05)
    assert len(every.pairs) > 2
    assert [pair.similarity for pair in every.pairs] == sorted((pair.similarity for pair in every.pairs), reverse=True)
    assert labels(found(*class_, least=0.05, most=2)) == labels(every)[:2]


# What is compared


def submissions(folder: Path) -> Path:
    folder.mkdir()
    (folder / "ada.py").write_text(BRIDGE)
    (folder / "bob.py").write_text(renamed(BRIDGE))
    empty: dict[str, object] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [empty | {"source": part} for part in BRIDGE.split("\n\n\n")]
    (folder / "carl.ipynb").write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
    (folder / "dora.py").write_bytes(b"\xff\xfe\x00")
    (folder / "eve").mkdir()
    (folder / "eve" / "prune.py").write_text("from helper import *\nopen('ran', 'w')\n")
    (folder / "eve" / "helper.py").write_text(SNIP)
    return folder


def batch(out: Path, *names: str, folder: Path) -> Graded:
    def report(name: str) -> Report:
        one = reported(outcome("public"), student=name.partition(".")[0])
        return one.model_copy(update={"name": name, "source": str(folder / name)})

    reports = [report(name) for name in names]
    grades = whole(build.about(Rubric(), "ef" * 32, Isolation("L2", ()), {"grader": "1"}, None), reports)
    write_class(out, grades, Rubric())
    return Graded(out, read_grades(out))


def test_notebooks_folders_and_broken_uploads_are_read_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = found(*collect([], [submissions(tmp_path / "in")]))
    assert [one.label for one in result.entries] == ["ada", "bob", "carl", "dora", "eve"]
    assert result.same_code == [(0, 1, 2)] and list(result.problems) == [3]
    assert "-------- helper.py" in result.entries[4].text and not (tmp_path / "ran").exists()


def test_a_graded_batch_is_found_with_its_weights(tmp_path: Path) -> None:
    folder = submissions(tmp_path / "in")
    entries = collect([batch(tmp_path / "out", "ada.py", "eve", folder=folder)], [])
    assert [(one.label, bool(one.text), one.weights) for one in entries] == [("ada", True, "ab" * 32), ("eve", True, "ab" * 32)]
    assert entries[1].text.startswith("# -------- prune.py\n")


def test_sources_that_were_moved_are_found_by_their_bytes(tmp_path: Path) -> None:
    one = batch(tmp_path / "out", "ada.py", folder=tmp_path / "gone")
    folder = submissions(tmp_path / "in")
    (ada,) = [entry for entry in collect([], [folder]) if entry.label == "ada"]
    grades = one.grades.model_copy(update={"submissions": [one.grades.submissions[0].model_copy(update={"sha256": ada.sha256})]})
    entries = collect([Graded(one.out, grades)], [folder])
    assert [entry.label for entry in entries] == ["ada", "bob", "carl", "dora", "eve"] and entries[0].weights == "ab" * 32
    with pytest.raises(UsageError, match="none of the sources is there any more"):
        collect([one], [])


def test_a_template_must_be_one_submission(tmp_path: Path) -> None:
    folder = submissions(tmp_path / "in")
    assert template([folder / "eve"]) == ["from helper import *\nopen('ran', 'w')\n", SNIP]
    with pytest.raises(UsageError, match="can't be the template: it holds several"):
        template([folder])
    with pytest.raises(UsageError, match=r"can't be the template: 'dora.py' is UTF-16"):
        template([folder / "dora.py"])


# The page


def test_the_page_escapes_sources_and_says_that_it_proves_nothing() -> None:
    attack = "\n# </pre><script>alert(1)</script>\u202e\x1b[2J\n"
    page = similarity_page(found(entry("<b>a", BRIDGE + attack), entry("b", attack + BRIDGE + "\ny = [1]\n")), [], 0.3)
    assert "A hint, never a verdict." in page
    assert "<script" not in page and "&lt;script&gt;" in page and "&lt;b&gt;a" in page
    assert not re.search("[\u202e\x1b]", page) and "\\u202e\\x1b" in page


def test_both_sides_have_the_same_passages_and_lines_between_are_left_out() -> None:
    middle = "".join(f"# {i}\n" for i in range(30))
    result = found(entry("a", BRIDGE + middle + SNIP), entry("b", SNIP + BRIDGE))
    page = similarity_page(result, ["prune.py"], 0.3)
    marks = re.findall(r'<mark class="m\d" id="p1([ab])(\d+)"><a href="#p1([ab])(\d+)"', page)
    assert {(side, number) for side, number, _, _ in marks} == {(side, str(n)) for side in "ab" for n in (1, 2)}
    assert all(side != other and number == same for side, number, other, same in marks)
    assert re.search(r"… \d\d lines …", page) and "# 15\n" not in page and "given to everybody: prune.py" in page


# The command


def test_the_command_compares_a_batch_and_a_folder(tmp_path: Path) -> None:
    folder = submissions(tmp_path / "in")
    batch(tmp_path / "out", "ada.py", folder=folder)
    arguments = (tmp_path / "out", folder, "-o", tmp_path / "s.html", "--template", ROOT / "reference" / "snip.py")
    done = run_program("similarity", *arguments)
    assert done.returncode == 0, done.stderr
    assert "3 of 5 submissions compared: 1 pair listed. A hint, never a verdict." in done.stdout
    assert "the same code: ada, bob, carl" in done.stdout and done.stderr == ""
    assert "nothing in it but what was given" in (tmp_path / "s.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("{x}/in/ada.py", "holds one submission, expected several"),
        ("{x}/nothing", "no such file or folder"),
        ("{x}/in --template {x}/nothing", "no such file or folder"),
        ("{x}/in -o {x}/no/s.html", "s.html: can't be written: no such file or directory"),
    ],
)
def test_a_wrong_wish_gets_one_sentence(arguments: str, says: str, tmp_path: Path) -> None:
    submissions(tmp_path / "in")
    with pytest.raises(UsageError, match=re.escape(says)):
        app(args=["similarity", *arguments.format(x=tmp_path).split()], standalone_mode=False)
