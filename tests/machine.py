"""A fresh machine for the kits: what unzip does, an environment without this one's, and commands run in it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HIDDEN = 300  # samples in the kit that may have some


def unpacked(kit: bytes, folder: Path) -> Path:
    """As unzip does it, permissions included."""
    with zipfile.ZipFile(io.BytesIO(kit)) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, folder))
            path.chmod(entry.external_attr >> 16 & 0o777)
    return folder


def offline(*also: Path | str) -> dict[str, str]:
    """The environment of a fresh machine: pip finds nothing outside of it."""
    path = os.pathsep.join([*map(str, also), os.environ["PATH"]])
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "PATH": path, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(arguments: list[Any] | str, cwd: Path, env: Mapping[str, str], **more: Any) -> subprocess.CompletedProcess[str]:
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", arguments] if isinstance(arguments, str) else arguments
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=400,
        stdin=subprocess.DEVNULL,
        **more,
    )


def obeyed(printed: str) -> list[tuple[str, str, str]]:
    """(command, properties, data) of what GitHub's runner would take from a step's output, as its parsers do."""
    found: list[tuple[str, str, str]] = []
    token = ""
    for line in re.split(r"\r\n|\r|\n", printed):
        newer, older = re.match(r"::([^: ]+) ?(.*?)::(.*)", line.strip()), re.search(r"##\[(\w[^\] ]*) ?([^\]]*)\](.*)", line)
        if token:
            token = "" if newer and newer[1] == token else token
        elif newer and newer[1] == "stop-commands":
            token = newer[3]
        elif command := newer or older:
            found.append((command[1], command[2], command[3]))
    return found
