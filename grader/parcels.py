"""What keeper and nodes send each other, as bytes: JSON, with the files of a submission behind it. Nothing is pickled."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from grader.records import Isolation, Outcome, Submission, Upload
from grader.rubric import Rubric

_HEAD = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Job:
    """What a node has to know of a batch, besides its instances."""

    rubric: Rubric
    device: str
    forbidden: tuple[str, ...]  # paths that must be out of every run's reach


@dataclass(frozen=True, slots=True)
class Offer:
    """What a node has made ready, or the ``problem`` that kept it from that."""

    circumstances: dict[str, Any]
    isolation: Isolation
    environment: dict[str, str]
    problem: str = ""


JOB, OFFER, OUTCOME = TypeAdapter(Job), TypeAdapter(Offer), TypeAdapter(Outcome)


def of_run(upload: Upload, submission: Submission, instance: str) -> bytes:
    """All that one run needs: not whose it is, nor where it lay."""
    header = {
        "instance": instance,
        "parameters": dict(upload.parameters),
        "sha256": submission.sha256,
        "entry": submission.entry,
        "files": [[name, len(content)] for name, content in submission.files.items()],
    }
    text = json.dumps(header).encode()
    return b"".join((_HEAD.pack(len(text)), text, *submission.files.values()))


def run_of(parcel: bytes) -> tuple[Upload, Submission, str]:
    """The inverse of ``of_run``; the upload's names and its path are empty."""
    (length,) = _HEAD.unpack_from(parcel)
    start = _HEAD.size + length
    header = json.loads(parcel[_HEAD.size : start])
    files = {}
    for name, size in header["files"]:
        files[name] = parcel[start : start + size]
        start += size
    upload = Upload("", "", "", Path(), parameters=header["parameters"])
    return upload, Submission(header["sha256"], header["entry"], files), header["instance"]
