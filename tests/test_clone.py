"""Git clones, made by git itself: which commit, and when; and nothing that stands in a stranger's .git is run or followed."""

from __future__ import annotations

import os
import subprocess
import zlib
from pathlib import Path

import pytest

from benchmarks import fuzz
from grader import clone, intake
from grader.records import Upload

PRUNE = b"def prune(model):\n    return model\n"
WHEN = "2026-05-01T23:59:07+05:30"


def git(folder: Path, *arguments: str, when: str = WHEN) -> str:
    """Run git on a repository of the test's own, without the settings of whoever runs the tests."""
    about = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "a"), ("EMAIL", "a@b"))}
    plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_COMMITTER_DATE": when, "HOME": str(folder)}
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **about, **plain},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def cloned(folder: Path, commits: int = 1) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    for n in range(commits):
        (folder / "prune.py").write_bytes(PRUNE + b"# %d\n" % n)
        git(folder, "add", ".")
        git(
            folder,
            "commit",
            "-q",
            "-m",
            f"{n} " + "a long message " * 40,
            when=WHEN if n == commits - 1 else "2026-01-01T00:00:00Z",
        )
    return folder


def uploads(folder: Path, remarks: list[str] | None = None) -> list[Upload]:
    with fuzz.nothing_is_done():
        return intake.find([folder], remarks)


def test_a_folder_of_clones_gives_commits_and_times(tmp_path: Path) -> None:
    heads = {name: git(cloned(tmp_path / "class" / name, commits=2), "rev-parse", "HEAD") for name in ("ann", "bo")}
    found = {upload.student: upload for upload in uploads(tmp_path / "class")}
    assert {name: upload.commit for name, upload in found.items()} == heads
    assert {upload.submitted_at for upload in found.values()} == {WHEN}


def test_dot_git_is_no_part_of_the_submission(tmp_path: Path) -> None:
    (upload,) = uploads(cloned(tmp_path / "ann"))
    before = intake.read(upload)
    git(tmp_path / "ann", "commit", "-q", "--allow-empty", "-m", "x")
    assert list(before.files) == ["prune.py"] and intake.read(upload).sha256 == before.sha256


@pytest.mark.parametrize("back", range(6))
def test_every_commit_of_a_packed_clone_is_found(tmp_path: Path, back: int) -> None:
    folder = cloned(tmp_path / "ann", commits=6)
    git(folder, "gc", "-q", "--aggressive")  # commits become deltas of each other, branches lines of packed-refs
    assert not (folder / ".git" / "refs" / "heads" / "main").exists()
    git(folder, "checkout", "-q", f"main~{back}" if back else "main")
    assert clone.head(folder).id == git(folder, "rev-parse", "HEAD")
    assert clone.head(folder).committed_at == git(folder, "log", "-1", "--format=%cI").replace("Z", "+00:00")


def test_a_shallow_clone_is_read(tmp_path: Path) -> None:
    source = cloned(tmp_path / "ann", commits=3)
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{source}", "shallow")
    assert clone.head(tmp_path / "shallow") == clone.head(source)


def test_nothing_that_a_hostile_configuration_names_is_run(tmp_path: Path) -> None:
    folder, evil = cloned(tmp_path / "eve"), tmp_path / "evil"
    script = tmp_path / "run.sh"
    script.write_text(f"#!/bin/sh\ntouch {evil}\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "gpg.program", "alias.log", "core.hooksPath"):
        git(folder, "config", key, f"!{script}" if key == "alias.log" else str(script))
    git(folder, "config", "log.showSignature", "true")
    (upload,) = uploads(folder)
    assert upload.commit and intake.read(upload).entry == "prune.py"
    assert not evil.exists()


def elsewhere(folder: Path, secret: Path) -> None:
    os.rename(folder / ".git", secret / "git")
    (folder / ".git").write_text(f"gitdir: {secret}/git\n")


def linked(folder: Path, secret: Path) -> None:
    os.rename(folder / ".git", secret / "git")
    (folder / ".git").symlink_to(secret / "git")


def linked_objects(folder: Path, secret: Path) -> None:
    os.rename(folder / ".git" / "objects", secret / "objects")
    (folder / ".git" / "objects").symlink_to(secret / "objects")


def linked_head(folder: Path, secret: Path) -> None:
    os.rename(folder / ".git" / "HEAD", secret / "HEAD")
    (folder / ".git" / "HEAD").symlink_to(secret / "HEAD")


def climbing(folder: Path, secret: Path) -> None:
    (secret / "id").write_text(git(folder, "rev-parse", "HEAD"))
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/../../../../secret/id\n")


@pytest.mark.parametrize("attack", [elsewhere, linked, linked_objects, linked_head, climbing])
def test_what_leads_out_of_the_clone_is_not_followed(tmp_path: Path, attack: object) -> None:
    folder, secret, remarks = cloned(tmp_path / "eve"), tmp_path / "secret", []
    secret.mkdir()
    attack(folder, secret)  # type: ignore[operator]
    (upload,) = uploads(folder, remarks)
    assert (upload.commit, upload.submitted_at) == ("", None)
    assert len(remarks) == 1 and "'eve' has no commit and no time: its" in remarks[0]


def test_huge_packed_references_are_read_line_by_line_up_to_a_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cloned(tmp_path / "ann")
    head = git(folder, "rev-parse", "HEAD")
    (folder / ".git" / "refs" / "heads" / "main").unlink()
    lines = "".join(f"{n:040x} refs/heads/b{n}\n" for n in range(200_000))
    (folder / ".git" / "packed-refs").write_text(f"# pack-refs with: peeled\n{lines}{head} refs/heads/main\n")
    assert clone.head(folder).id == head
    monkeypatch.setattr(clone, "MAX_PACKED_REFS_BYTES", 1 << 20)
    with pytest.raises(clone.CloneError, match="no commit"):
        clone.head(folder)


def test_a_commit_that_inflates_without_end_is_left(tmp_path: Path) -> None:
    folder = cloned(tmp_path / "eve")
    (folder / ".git" / "objects" / "aa").mkdir(exist_ok=True)
    (folder / ".git" / "objects" / "aa" / ("a" * 38)).write_bytes(zlib.compress(bytes(64 << 20)))
    (folder / ".git" / "HEAD").write_text("a" * 40)
    with pytest.raises(clone.CloneError, match="larger than 1 MiB"):
        clone.head(folder)


def test_a_commit_that_is_not_what_its_id_says_is_left(tmp_path: Path) -> None:
    folder = cloned(tmp_path / "eve")
    head = git(folder, "rev-parse", "HEAD")
    place = folder / ".git" / "objects" / head[:2] / head[2:]
    forged = zlib.decompress(place.read_bytes()).replace(b"a@b", b"b@a")
    place.unlink()
    place.write_bytes(zlib.compress(forged))
    with pytest.raises(clone.CloneError, match="damaged"):
        clone.head(folder)


@pytest.mark.parametrize(
    "text", [b"", b"ref: ", b"ref: refs/heads/none\n", b"\0" * 100, b"a" * 40, b"a" * 64, b"ref: refs/heads/\xff"]
)
def test_a_strange_head_is_no_commit(tmp_path: Path, text: bytes) -> None:
    folder = cloned(tmp_path / "eve")
    (folder / ".git" / "HEAD").write_bytes(text)
    with pytest.raises(clone.CloneError):
        clone.head(folder)


def test_any_damage_to_a_pack_is_an_answer(tmp_path: Path) -> None:
    folder = cloned(tmp_path / "eve", commits=4)
    git(folder, "gc", "-q", "--aggressive")
    git(folder, "checkout", "-q", "main~2")
    for path in (folder / ".git" / "objects" / "pack").glob("pack-*"):
        path.chmod(0o600)
        whole = path.read_bytes()
        for at in range(0, len(whole), 7):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
            try:
                assert clone.head(folder).committed_at
            except clone.CloneError:
                pass
        path.write_bytes(whole)
    assert clone.head(folder).committed_at
