"""Refuses what the official run would refuse, as far as Python itself sees it: so that practice does not promise too much.

It holds nobody back: an audit hook knows what goes through Python, and a student's own machine is the student's business.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import Any

_PROGRAMS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile")
_NETWORK = (socket.AF_INET, socket.AF_INET6)
_HERE = ("127.0.0.1", "::1", "localhost")


def refuse(*, programs: bool) -> None:
    """From now on no network, and no ``programs``. For good: an audit hook can't be taken away."""
    refused = _PROGRAMS if programs else ()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in refused:
            name = arguments[0] if isinstance(arguments[0], str) else None
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), name)
        if _reaches_out(event, arguments):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    sys.addaudithook(hook)


def _reaches_out(event: str, arguments: tuple[Any, ...]) -> bool:
    """Windows makes its pairs of local sockets by the network, so that there only a connection says more."""
    if os.name == "nt":
        return event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in _HERE
    return event == "socket.__new__" and arguments[1] in _NETWORK
