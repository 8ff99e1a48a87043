"""The grader as it runs here, as a wheel: built from a checkout, else put together again from the installed files."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import io
import tempfile
import zipfile
from collections.abc import Set
from pathlib import Path, PurePosixPath

from grader.errors import GraderError
from grader.kits.archive import Member, pack

NAME = "prunegrade"
_CHECKOUT = Path(__file__).resolve().parent.parent.parent


def wheel() -> tuple[str, bytes]:
    """(file name, bytes). Raises GraderError with one sentence where it can't be had. Needs no network."""
    if (_CHECKOUT / "pyproject.toml").is_file():
        return _built()
    return _repacked()


def _built() -> tuple[str, bytes]:
    try:
        from hatchling.builders.wheel import WheelBuilder
    except ImportError:
        raise GraderError("the wheel can't be built without the package hatchling; install it, or run 'make setup'") from None
    with tempfile.TemporaryDirectory(prefix="prunegrade-wheel-") as folder:
        (path,) = map(Path, WheelBuilder(str(_CHECKOUT)).build(directory=folder, versions=["standard"]))
        return path.name, path.read_bytes()


def _repacked() -> tuple[str, bytes]:
    """The files that the installer has written down, but those that belong to this machine, with a new RECORD."""
    try:
        found = importlib.metadata.distribution(NAME)
    except importlib.metadata.PackageNotFoundError:
        raise GraderError(f"the wheel can't be built: {NAME} is neither installed nor a checkout here") from None
    members = {
        str(file): Member(Path(str(found.locate_file(file))).read_bytes())
        for file in found.files or ()
        if _belongs(PurePosixPath(file))
    }
    if "grader/__init__.py" not in members or not any(name.endswith(".dist-info/METADATA") for name in members):
        raise GraderError(f"the wheel can't be built: this installation of {NAME} has no list of its files; install it by pip")
    return f"{NAME}-{found.version}-py3-none-any.whl", _sealed(members)


def without_solutions(data: bytes, kept: Set[str]) -> bytes:
    """The wheel without the ladder's methods but those ``kept``; its model and its figures stay."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: Member(archive.read(name)) for name in archive.namelist() if not name.endswith("/")}
    folder = "grader/reference/"
    solutions = {name for name in members if name.startswith(folder) and name.endswith(".py")}
    left_out = solutions - {folder + name for name in kept}
    return _sealed({name: member for name, member in members.items() if name not in left_out})


def _sealed(members: dict[str, Member]) -> bytes:
    """The wheel of these members, with a new RECORD in place of any old one."""
    (metadata,) = (name for name in members if name.endswith(".dist-info/METADATA"))
    record = metadata.replace("METADATA", "RECORD")
    others = {name: member for name, member in members.items() if name != record}
    return pack({**others, record: Member(_record(others, record))})


def _belongs(file: PurePosixPath) -> bool:
    of_installer = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
    inside = not file.is_absolute() and ".." not in file.parts and "__pycache__" not in file.parts
    return inside and not (file.parts[0].endswith(".dist-info") and file.name in of_installer)


def _record(members: dict[str, Member], own: str) -> bytes:
    """RECORD as PEP 427 wants it: path, digest, size; its own without the last two."""
    out = io.StringIO(newline="")
    rows = csv.writer(out, lineterminator="\n")
    for name in sorted(members):
        digest = base64.urlsafe_b64encode(hashlib.sha256(members[name].data).digest()).rstrip(b"=").decode()
        rows.writerow([name, f"sha256={digest}", len(members[name].data)])
    rows.writerow([own, "", ""])
    return out.getvalue().encode()
