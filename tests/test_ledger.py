"""The ledger gives back what it was given, refuses what it can't use in one sentence, and loses nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from grader.errors import GraderError, UsageError
from grader.ledger import REFERENCE, Ledger, key_of
from grader.records import Batch, Failure, Graded, Isolation, LayerCount, Measurement, Outcome, Picture, Upload

MEASUREMENT = Measurement(
    zeros=3,
    parameters=142_346,
    layers={"layers.0.weight": LayerCount(3, 131_072)},
    mse=0.1 + 0.2,
    mse_per_output=(1e-300, 2.5, 3e77, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1 / 3),
    weights_sha256="ab" * 32,
)
GRADED = Outcome("public", MEASUREMENT, None, notes=("a\0b",), log="\x1b[31mé\u202e\udcff".encode("utf-8", "replace").decode())
RAISED = Outcome("hidden-1", None, Failure("raised", "prune", "ValueError: no", "ValueError", 3, "Traceback"), seconds=1.5)
PICTURE = Picture("AAAA", "AAAA", {"layers.0.weight": (1, 2)}, "eJw=", 3, 4)
BATCH = Batch(("ada",), "under these", ("public", "hidden-1"), "{}", "ef" * 32, {"device": "cpu"}, Isolation("L3", ("seccomp",)))


def submission(*outcomes: Outcome, keys: tuple[str | None, ...], student: str = "ada") -> Graded:
    upload = Upload(student, f"{student}.py", f"in/{student}.py", Path(f"in/{student}.py"), parameters={"eps": 0.1})
    return Graded(upload, "cd" * 32, outcomes, keys, notes=("so",), isolation="L3")


def kept(ledger: Ledger, student: str = "ada") -> Graded:
    """A submission whose second instance had no run of its own, as it is after a time-out on the first."""
    circumstances = {"submission": student}
    ledger.keep(student, circumstances, replace(GRADED, picture=PICTURE))
    return submission(replace(GRADED, picture=PICTURE), RAISED, keys=(key_of(circumstances), None), student=student)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("outcome", [GRADED, RAISED], ids=["graded", "raised"])
def test_an_outcome_comes_back_as_it_was_kept_to_the_last_bit(outcome: Outcome, tmp_path: Path) -> None:
    with Ledger(tmp_path) as first:
        first.keep("ada", {"submission": "1"}, outcome)
    with Ledger(tmp_path) as second:
        assert second.find({"submission": "1"}) == outcome


def test_another_circumstance_is_another_run(ledger: Ledger) -> None:
    ledger.keep("ada", {"submission": "1", "limits": {"cpu_seconds": 60}}, GRADED)
    assert ledger.find({"submission": "1", "limits": {"cpu_seconds": 61}}) is None
    assert ledger.find({"limits": {"cpu_seconds": 60}, "submission": "1"}) == GRADED


def test_keys_do_not_depend_on_order() -> None:
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 2, "b": 1})


def test_a_later_outcome_replaces_an_earlier_one(ledger: Ledger) -> None:
    ledger.keep("ada", {"submission": "1"}, RAISED)
    ledger.keep("ada", {"submission": "1"}, GRADED)
    assert ledger.find({"submission": "1"}) == GRADED


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: ledger.keep("ada", {"submission": str(n)}, GRADED), range(50)))
        assert list(pool.map(lambda n: ledger.find({"submission": str(n)}), range(50))) == [GRADED] * 50


def test_an_outcome_that_this_version_can_not_read_is_run_again(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.keep("ada", {"submission": "1"}, GRADED)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as direct:
        direct.execute("""UPDATE runs SET outcome = '{"instance": 1, "verdict": "excellent"}'""")
    direct.close()
    with Ledger(tmp_path) as ledger:
        assert ledger.find({"submission": "1"}) is None


def test_it_is_closed_to_others(ledger: Ledger, tmp_path: Path) -> None:
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_a_second_grader_is_turned_away_until_the_first_is_done(tmp_path: Path) -> None:
    with Ledger(tmp_path), pytest.raises(UsageError, match="another grader is at work on this folder"):
        Ledger(tmp_path)
    Ledger(tmp_path).__exit__(None, None, None)


@pytest.mark.parametrize(
    "garbage", [os.urandom(5_000), b"x" * 5_000, b"SQLite format 3\0" + b"\xa5" * 5_000], ids=["random", "text", "header"]
)
def test_a_damaged_ledger_is_named_and_left_as_it_is(garbage: bytes, tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(garbage)
    with pytest.raises(GraderError, match=r"ledger\.sqlite: .* it is damaged: put a copy of it back, or move it away"):
        Ledger(tmp_path)
    assert (tmp_path / "ledger.sqlite").read_bytes() == garbage


def test_damage_inside_is_found_when_it_is_read(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        for number in range(200):
            ledger.keep("ada", {"submission": str(number)}, GRADED)
    data = bytearray((tmp_path / "ledger.sqlite").read_bytes())
    data[8192:] = b"\xff" * len(data[8192:])
    (tmp_path / "ledger.sqlite").write_bytes(data)
    with Ledger(tmp_path) as ledger, pytest.raises(GraderError, match="it is damaged"):
        all(ledger.find({"submission": str(number)}) for number in range(200))


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.sqlite") as direct:
        direct.execute("PRAGMA user_version=99")
    direct.close()
    with pytest.raises(UsageError, match="written by a newer version of the grader"):
        Ledger(tmp_path)


def test_a_refused_ledger_can_be_opened_once_it_is_mended(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(UsageError, match="is a directory; give yourself access, or name another folder with --out"):
        Ledger(tmp_path)
    (tmp_path / "ledger.sqlite").rmdir()
    with Ledger(tmp_path) as ledger:
        assert ledger.find({"submission": "1"}) is None


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file" / "below", Path("/proc/nowhere")):
        with pytest.raises(UsageError, match="results can't be written there: .*; name another folder with --out"):
            Ledger(folder)
    with pytest.raises(UsageError, match="file: is a file, expected a folder for results; name another folder with --out"):
        Ledger(tmp_path / "file")


def test_a_submission_comes_back_with_the_outcomes_of_all_its_instances(tmp_path: Path) -> None:
    with Ledger(tmp_path) as first:
        found = kept(first)
        first.record(found, BATCH)
        first.open_batch(BATCH)
    with Ledger(tmp_path) as second:
        assert second.batch() == BATCH
        assert second.graded("ada", BATCH) == found


def test_marks_need_neither_logs_nor_pictures(ledger: Ledger) -> None:
    ledger.record(kept(ledger), BATCH)
    light = ledger.graded("ada", BATCH, whole=False)
    assert light and [(one.log, one.picture) for one in light.outcomes] == [("", None), (RAISED.log, None)]
    assert [one.measurement for one in light.outcomes] == [MEASUREMENT, None]


def test_outcomes_are_named_as_the_instances_of_the_batch_are(ledger: Ledger) -> None:
    ledger.record(kept(ledger), BATCH)
    found = ledger.graded("ada", replace(BATCH, instances=("public", "hidden-7")))
    assert found and [one.instance for one in found.outcomes] == ["public", "hidden-7"]


def test_what_was_graded_under_other_conditions_is_not_graded_yet(ledger: Ledger) -> None:
    ledger.record(kept(ledger), BATCH)
    assert ledger.graded("ada", replace(BATCH, conditions="other ones")) is None
    assert ledger.graded("bob", BATCH) is None


def test_a_student_may_be_called_reference(ledger: Ledger) -> None:
    ledger.record(kept(ledger, "reference"), BATCH, REFERENCE)
    assert ledger.graded("reference", BATCH) is None
    ledger.record(submission(RAISED, RAISED, keys=(None, None), student="reference"), BATCH)
    assert ledger.graded(REFERENCE, BATCH) != ledger.graded("reference", BATCH)


def test_a_file_name_that_is_no_text_is_recorded_by_the_text_that_stands_for_it(ledger: Ledger) -> None:
    found = kept(ledger)
    odd = replace(found, upload=replace(found.upload, path=Path("in/\udcff.py"), source="in/\\udcff.py"))
    ledger.record(odd, BATCH)
    again = ledger.graded("ada", BATCH)
    assert again and again.upload.path == Path("in/\\udcff.py") and again.outcomes == found.outcomes


def test_forgetting_a_submission_keeps_its_runs(ledger: Ledger) -> None:
    ledger.record(kept(ledger), BATCH)
    ledger.forget("ada")
    assert ledger.graded("ada", BATCH) is None
    assert ledger.find({"submission": "ada"}) == replace(GRADED, picture=PICTURE)


def test_others_may_read_while_a_grader_writes(ledger: Ledger, tmp_path: Path) -> None:
    ledger.keep("ada", {"submission": "1"}, GRADED)
    reader = sqlite3.connect(f"file:{tmp_path}/ledger.sqlite?mode=ro", uri=True)
    with reader:
        assert reader.execute("SELECT count(*) FROM runs").fetchone() == (1,)  # holds what it sees, and stops nobody
        ledger.keep("bob", {"submission": "2"}, RAISED)
        assert ledger.find({"submission": "2"}) == RAISED
    assert reader.execute("SELECT count(*) FROM runs").fetchone() == (2,)
    reader.close()


def test_a_result_is_on_disk_before_the_call_returns(ledger: Ledger) -> None:
    (synchronous,) = ledger._connection.execute("PRAGMA synchronous").fetchone()
    (journal,) = ledger._connection.execute("PRAGMA journal_mode").fetchone()
    assert (synchronous, journal) == (2, "wal")
