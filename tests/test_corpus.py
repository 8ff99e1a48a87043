"""The whole corpus at once: hostile submissions in a batch with honest ones, in any order, on this machine's terms.

Every case keeps its verdict, two honest bystanders measure what they measure alone, nothing is left behind, and nothing
hidden stands in what a student can see. ``benchmarks/corpus.py`` prints the same as a table.
"""

from __future__ import annotations

from pathlib import Path

import corpus
import pytest


@pytest.mark.long
@pytest.mark.timeout(1800)  # five minutes on two free cores, and CI's are busy
@pytest.mark.parametrize(("without", "share"), [
    pytest.param((), 1.0, id="namespaces"),
    pytest.param(("namespaces",), 1.0, id="no-namespaces", marks=pytest.mark.longest),
    pytest.param(("namespaces",), 0.5, id="no-namespaces-half"),  # another one each time
])  # fmt: skip
def test_a_shuffled_batch_of_the_corpus_harms_nobody(without: tuple[str, ...], share: float, tmp_path: Path) -> None:
    found = corpus.run_all(tmp_path, without=without, share=share)
    assert found.wrong == {}
    assert found.bystanders_changed == []
    assert found.leftovers == []
    assert found.leaks == []
    assert found.cases + len(found.unstopped) == round(share * len(corpus.CASES))
    assert found.layers >= ({"namespaces"} - set(without))
    assert not found.unstopped or "namespaces" in without


def test_the_scan_for_leaks_finds_them(tmp_path: Path) -> None:
    pages = {"ada-0123456789ab": b"own ada-0123456789ab, and 00bob-abcdefabcdef9", "bob-abcdefabcdef": b"the word is canary"}
    for student, content in pages.items():
        (tmp_path / "students" / student).mkdir(parents=True)
        (tmp_path / "students" / student / "report.html").write_bytes(content)
    assert sorted(corpus._leaks(tmp_path, [b"canary"])) == [
        "students/ada-0123456789ab/report.html holds 'bob-abcdefabcdef'",
        "students/bob-abcdefabcdef/report.html holds b'canary'",
    ]
