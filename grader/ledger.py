"""Every outcome once, on disk, before it is shown: what a grader killed at any moment has finished is never run again."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from grader.errors import GraderError, UsageError
from grader.records import Outcome

_OUTCOME = TypeAdapter(Outcome)
_VERSION = 1  # of the table below, kept in the file
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    key TEXT PRIMARY KEY,          -- SHA-256 of everything that determines the run
    student TEXT NOT NULL,
    instance TEXT NOT NULL,
    circumstances TEXT NOT NULL,   -- what the key was made of, as JSON
    outcome TEXT NOT NULL,         -- records.Outcome, as JSON
    committed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)
"""


def key_of(circumstances: Mapping[str, Any]) -> str:
    return sha256(json.dumps(circumstances, sort_keys=True).encode()).hexdigest()


class Ledger:
    """``OUT/ledger.sqlite``. Used by one grader at a time; its threads share the connection."""

    def __init__(self, folder: Path) -> None:
        """Raises UsageError where the folder can't be used, or another grader is at work on it."""
        self._path = folder / "ledger.sqlite"
        self._threads = threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # grades are nobody else's business
            self._lock = os.open(folder / "ledger.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(
                f"{folder}: results can't be written there: {error.strerror}; name another folder with --out"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise UsageError(
                f"{folder}: another grader is at work on this folder; wait for it, or name another with --out"
            ) from None
        try:
            with self._explained():
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # hidden figures: the owner's alone
                self._connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
                self._prepare()
        except BaseException:
            self._close()
            raise

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise UsageError(f"{self._path}: written by a newer version of the grader; name another folder with --out")
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute(_SCHEMA)
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

    def find(self, circumstances: Mapping[str, Any]) -> Outcome | None:
        """The stored outcome of exactly this run, if there is one."""
        with self._threads, self._explained():
            row = self._connection.execute("SELECT outcome FROM runs WHERE key = ?", (key_of(circumstances),)).fetchone()
        try:
            return _OUTCOME.validate_json(row[0]) if row else None
        except ValidationError:
            return None  # written by another version: run it again

    def keep(self, student: str, circumstances: Mapping[str, Any], outcome: Outcome) -> None:
        """Commit an outcome to disk. Raises GraderError where the disk does not take it."""
        row = (
            key_of(circumstances),
            student,
            outcome.instance,
            json.dumps(circumstances, sort_keys=True),
            _OUTCOME.dump_json(outcome).decode(),
        )
        with self._threads, self._explained():
            self._connection.execute(
                "INSERT OR REPLACE INTO runs (key, student, instance, circumstances, outcome) VALUES (?, ?, ?, ?, ?)", row
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            advice = "what it already holds is safe, and a rerun goes on from there"
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                advice = "it is damaged: put a copy of it back, or move it away and everything is graded again"
            raise GraderError(f"{self._path}: {reason}; {advice}") from None
