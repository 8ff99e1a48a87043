"""Every outcome once, on disk, before it is shown: what a grader killed at any moment has finished is never run again.

Three tables: ``runs`` holds each outcome under everything that determines it; ``submissions`` says which of them a student's
submission consists of, and ``batch`` what belongs to all of them, so that a batch can be marked and reported again from the
ledger alone. Weights are not kept: of each instance their SHA-256, of the public one what pages draw of them.
Other processes may read it while a batch runs.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from grader.errors import GraderError, UsageError, unusable
from grader.records import Batch, Graded, Outcome, Picture

REFERENCE = ""  # stands for a student's id where the reference solution is meant: no student can have it
_OUTCOME = TypeAdapter(Outcome)
_PICTURE = TypeAdapter(Picture)
_GRADED = TypeAdapter(Graded)
_BATCH = TypeAdapter(Batch)
_WHOLE, _MARKED = "log, picture", "'', NULL"  # columns beside the outcome: all there is, or what marks need
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_SAFE = "what it already holds is safe: run the same command again, and it goes on from there"
_DAMAGED = "it is damaged: put a copy of it back, or move it away and everything is graded again"
_VERSION = 2  # of the tables below, kept in the file
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    key TEXT PRIMARY KEY,          -- SHA-256 of everything that determines the run
    student TEXT NOT NULL,
    instance TEXT NOT NULL,
    circumstances TEXT NOT NULL,   -- what the key was made of, as JSON
    outcome TEXT NOT NULL,         -- records.Outcome without log and picture, as JSON
    log TEXT NOT NULL,
    picture TEXT,                  -- records.Picture, as JSON
    committed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE TABLE IF NOT EXISTS submissions (
    student TEXT PRIMARY KEY,      -- '' for the reference solution
    conditions TEXT NOT NULL,      -- records.Batch.conditions, under which it was graded
    graded TEXT NOT NULL           -- records.Graded, as JSON, with those outcomes alone that are no runs
);
CREATE TABLE IF NOT EXISTS batch (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    record TEXT NOT NULL           -- records.Batch, as JSON
);
"""


def key_of(circumstances: Mapping[str, Any]) -> str:
    return sha256(json.dumps(circumstances, sort_keys=True).encode()).hexdigest()


def _take(lock: int) -> None:
    """Raises OSError where another process has it. Windows, where nothing hidden is graded, goes without."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _refused(folder: Path, error: OSError) -> UsageError | GraderError:
    instead = "name another folder with --out"
    if os.path.exists(folder) and not os.path.isdir(folder):  # which say False of what may not be looked at
        return UsageError(f"{folder}: is a file, expected a folder for results; {instead}")
    later = f"make room and run the same command again, or {instead}"
    return unusable(folder, "results can't be written there", error, instead=instead, later=later)


class Ledger:
    """``OUT/ledger.sqlite``. Used by one grader at a time; its threads share the connection."""

    def __init__(self, folder: Path) -> None:
        """Raises UsageError where the folder can't be used or another grader is at work on it, GraderError on a full disk."""
        self._path = folder / "ledger.sqlite"
        self._threads = threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # grades are nobody else's business
            self._lock = os.open(folder / "ledger.lock", os.O_RDWR | os.O_CREAT | _CLOEXEC, 0o600)
        except OSError as error:
            raise _refused(folder, error) from None
        try:
            _take(self._lock)
        except OSError:
            os.close(self._lock)
            raise UsageError(
                f"{folder}: another grader is at work on this folder; wait for it, or name another with --out"
            ) from None
        try:
            with self._explained():
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | _CLOEXEC, 0o600))  # hidden figures: the owner's alone
                self._connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
                self._prepare()
        except BaseException:
            self._close()
            raise

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            age = "a newer" if version > _VERSION else "an older"
            raise UsageError(f"{self._path}: written by {age} version of the grader; name another folder with --out")
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_SCHEMA)
        self._connection.execute(f"PRAGMA user_version={_VERSION}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._threads:
            self._close()

    def _close(self) -> None:
        if connection := getattr(self, "_connection", None):
            connection.close()
        os.close(self._lock)

    # --- runs ---------------------------------------------------------------------------------------------------------

    def find(self, circumstances: Mapping[str, Any]) -> Outcome | None:
        """The stored outcome of exactly this run, if there is one."""
        return self._outcome(key_of(circumstances), whole=True)

    def keep(self, student: str, circumstances: Mapping[str, Any], outcome: Outcome) -> None:
        """Commit an outcome to disk. Raises GraderError where the disk does not take it."""
        row = (
            key_of(circumstances),
            student,
            outcome.instance,
            json.dumps(circumstances, sort_keys=True),
            _OUTCOME.dump_json(replace(outcome, log="", picture=None)).decode(),
            outcome.log,
            _PICTURE.dump_json(outcome.picture).decode() if outcome.picture else None,
        )
        columns = "key, student, instance, circumstances, outcome, log, picture"
        self._write(f"INSERT OR REPLACE INTO runs ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def _outcome(self, key: str, *, whole: bool) -> Outcome | None:
        """``whole``: with log and picture. None where there is none, or another version has written it: run it again."""
        row = self._read(f"SELECT outcome, {_WHOLE if whole else _MARKED} FROM runs WHERE key = ?", key)
        if row is None:
            return None
        try:
            found = _OUTCOME.validate_json(row[0])
            return replace(found, log=row[1], picture=_PICTURE.validate_json(row[2]) if row[2] else None) if whole else found
        except ValidationError:
            return None

    # --- the batch that they belong to ----------------------------------------------------------------------------------

    def record(self, graded: Graded, batch: Batch, student: str | None = None) -> None:
        """Which runs the submission of ``student`` (if not its upload's) consists of. Those runs must have been kept."""
        others = [outcome for outcome, key in zip(graded.outcomes, graded.keys, strict=True) if key is None]
        upload = replace(graded.upload, path=Path(graded.upload.source))  # as text: a path may hold bytes that JSON can't
        line = _GRADED.dump_json(replace(graded, upload=upload, outcomes=tuple(others))).decode()
        row = (graded.upload.student if student is None else student, batch.conditions, line)
        self._write("INSERT OR REPLACE INTO submissions (student, conditions, graded) VALUES (?, ?, ?)", row)

    def forget(self, student: str) -> None:
        """What was recorded of a student who has handed in something else since. The runs stay."""
        self._write("DELETE FROM submissions WHERE student = ?", (student,))

    def graded(self, student: str, batch: Batch, *, whole: bool = True) -> Graded | None:
        """The submission of ``student`` in that batch with all its outcomes; None where it is not graded yet.

        ``whole`` means with logs and pictures, which marks don't need.
        """
        query = "SELECT graded FROM submissions WHERE student = ? AND conditions = ?"
        row = self._read(query, student, batch.conditions)
        if row is None:
            return None
        try:
            found = _GRADED.validate_json(row[0])
        except ValidationError:
            return None
        others = iter(found.outcomes)
        outcomes = [self._outcome(key, whole=whole) if key else next(others, None) for key in found.keys]
        if len(outcomes) != len(batch.instances) or None in outcomes:
            return None
        paired = zip(outcomes, batch.instances, strict=True)
        named = (one if one.instance == name else replace(one, instance=name) for one, name in paired if one)
        return replace(found, outcomes=tuple(named))

    def open_batch(self, batch: Batch) -> None:
        """What belongs to a batch besides its submissions; replaces that of an earlier one."""
        self._write("INSERT OR REPLACE INTO batch (only, record) VALUES (1, ?)", (_BATCH.dump_json(batch).decode(),))

    def batch(self) -> Batch | None:
        """The last batch of this folder."""
        row = self._read("SELECT record FROM batch")
        try:
            return _BATCH.validate_json(row[0]) if row else None
        except ValidationError:
            return None

    # --- SQLite ---------------------------------------------------------------------------------------------------------

    def _read(self, query: str, *values: str) -> tuple[Any, ...] | None:
        with self._threads, self._explained():
            row: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
            return row

    def _write(self, statement: str, row: Sequence[str | None]) -> None:
        with self._threads, self._explained():
            self._connection.execute(statement, row)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            instead = "give yourself access, or name another folder with --out"
            raise unusable(self._path, "can't be used", error, instead=instead, later=_SAFE) from None
        except sqlite3.Error as error:
            damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
            raise GraderError(f"{self._path}: {error}; {_DAMAGED if damaged else _SAFE}") from None
