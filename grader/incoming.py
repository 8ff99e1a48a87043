"""What comes out of a run: framed records and a log. Neither is believed, and neither can grow beyond what was agreed."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

RECORD_BYTES = 1 << 19  # room for all the texts that inside.failure allows, each character in JSON's twelve bytes
RECORDS = 8  # stages and status make three; a flood of further ones ends the run


@dataclass(slots=True)
class Log:
    """Keeps the head and the tail of what a submission prints, and drains the rest."""

    limit: int
    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    total: int = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self.limit * 3 // 4 - len(self.head)
        if room > 0:
            self.head += data[:room]
            data = data[room:]
        if data:
            self.tail += data
            del self.tail[: -(self.limit // 4)]  # in place: a flood must not cost a copy of the tail for each piece

    @property
    def truncated(self) -> bool:
        return self.total > len(self.head) + len(self.tail)

    def text(self) -> str:
        dropped = self.total - len(self.head) - len(self.tail)
        gap = f"\n[... {dropped} bytes left out ...]\n".encode() if dropped else b""
        return bytes(self.head + gap + self.tail).decode("utf-8", "replace")


def take_record(incoming: bytearray) -> dict[str, Any] | None:
    """Takes the next complete record off ``incoming``, or None. A malformed one reads as a claim worth nothing."""
    if len(incoming) < 4:
        return None
    (length,) = struct.unpack_from("<I", incoming)
    if length > RECORD_BYTES:
        return {"claim": "garbage"}
    if len(incoming) < 4 + length:
        return None
    text = bytes(incoming[4 : 4 + length])
    del incoming[: 4 + length]
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    return record if isinstance(record, dict) else {"claim": "garbage"}
