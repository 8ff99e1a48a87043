"""Messages between the keeper and its own processes: a JSON header behind its length, and a block of bytes."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any


def framed(message: Mapping[str, Any]) -> bytes:
    """A JSON header behind its length, in eight bytes."""
    text = json.dumps(message).encode()
    return len(text).to_bytes(8, "little") + text


def send(channel: socket.socket, message: Mapping[str, Any], payload: bytes = b"") -> None:
    channel.sendall(framed({**message, "bytes": len(payload)}))
    channel.sendall(payload)


def receive(channel: socket.socket) -> tuple[dict[str, Any], bytearray] | None:
    """The next message and its block; None once the other side is gone. Raises OSError, TimeoutError among them."""
    head = _exactly(channel, 8)
    if head is None:
        return None
    text = _exactly(channel, int.from_bytes(head, "little"))
    if text is None:
        return None
    message: dict[str, Any] = json.loads(text)
    payload = _exactly(channel, message["bytes"])
    return None if payload is None else (message, payload)


def _exactly(channel: socket.socket, size: int) -> bytearray | None:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = channel.recv_into(view)
        if not count:
            return None
        view = view[count:]
    return data
