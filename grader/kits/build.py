"""The kits: what lies where in each. What they hold as it is lies in the folder ``kits/``; nothing hidden goes in by accident."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from grader import owndata, task
from grader.errors import GraderError, UsageError
from grader.kits.archive import Member, contents, pack
from grader.kits.public import PublicTask, constraints, public_task, rubric_text
from grader.kits.wheel import wheel, without_solutions
from grader.ladder import REFERENCE
from grader.rubric import InstancesSection, Rubric

HIDDEN = "hidden.safetensors"
GRADESCOPE_MEMORY_MB = 768  # of its containers by default
OVERHEAD_MB = 512  # keeper and nursery take 400, see docs/lms.md; the rest is the platform's own
GRADESCOPE_WALL_SECONDS = 300.0  # of a run: half of the default time-out, for half a processor


def files_folder() -> Path:
    """Where the kits' own files lie: in a checkout, else in the installed package."""
    checkout = Path(__file__).resolve().parent.parent.parent / "kits"
    return checkout if checkout.is_dir() else Path(__file__).parent / "files"


def student(public: PublicTask) -> dict[str, Member]:
    names = ("README.md", "prune.py", "assignment.py", "check.py", "task.ipynb")
    own = {name: _file(f"student/{name}") for name in names}
    return own | _grader(public) | {"model.safetensors": Member(public.model)}


def gradescope(public: PublicTask, samples: bytes | None = None, memory_mb: int = GRADESCOPE_MEMORY_MB) -> dict[str, Member]:
    """The autograder: its two scripts at the root, where alone Gradescope looks for them."""
    scripts = {name: _file(f"gradescope/{name}", executable=True) for name in ("setup.sh", "run_autograder")}
    template = {"README.md": _file("gradescope/README.md"), "template/prune.py": _file("student/prune.py")}
    smaller = PublicTask(for_gradescope(public.rubric, memory_mb), public.files, public.model)
    return scripts | template | _grader(smaller) | ({HIDDEN: Member(samples)} if samples else {})


def for_gradescope(rules: Rubric, memory_mb: int) -> Rubric:
    """The rubric for a container of that size with half a processor and no GPU: less memory, and more time on the clock."""
    limits = rules.limits
    changed = {"memory_bytes": min(limits.memory_bytes, (memory_mb - OVERHEAD_MB) << 20)}
    longer = {"wall_seconds": max(limits.wall_seconds, min(4 * limits.cpu_seconds, GRADESCOPE_WALL_SECONDS))}
    return rules.model_copy(
        update={
            "device": "cpu",
            "limits": limits.model_copy(update=changed | (longer if limits.clock == "cpu" else {})),
            "allow": rules.allow.model_copy(update={"gpu": False}),
        }
    )


def github(public: PublicTask) -> dict[str, Member]:
    """Two repositories: the one that each student gets, and the instructor's own, which grades them all."""
    folder = "submission/.github/prunegrade"
    submission = {
        "submission/.github/workflows/check.yml": _for_this_python("github/check.yml"),
        "submission/prune.py": _file("student/prune.py"),
        **{f"{folder}/{name}": member for name, member in _grader(public).items()},
    }
    instructor = {
        "instructor/.github/workflows/grade.yml": _file("github/grade.yml"),
        "instructor/clone.sh": _file("github/clone.sh", executable=True),
        "instructor/repositories.txt": _file("github/repositories.txt"),
        **{f"instructor/{name}": member for name, member in _grader(public, solutions=True).items()},
    }
    return {"README.md": _file("github/README.md"), **submission, **instructor}


def gitlab(public: PublicTask) -> dict[str, Member]:
    grader = {f".gitlab/prunegrade/{name}": member for name, member in _grader(public).items()}
    own = {".gitlab-ci.yml": _for_this_python("gitlab/.gitlab-ci.yml"), "README.md": _file("gitlab/README.md")}
    return own | grader | {"prune.py": _file("student/prune.py")}


KITS: dict[str, Callable[[PublicTask], dict[str, Member]]] = {"student": student, "github": github, "gitlab": gitlab}


def build(
    kind: str,
    rules: Rubric,
    rubric_dir: Path,
    home: Path,
    *,
    hidden: int = 0,
    memory_mb: int = GRADESCOPE_MEMORY_MB,
    progress: task.Progress = lambda name, done: None,
) -> bytes:
    """A kit as the bytes of a zip: the same each time. For Gradescope ``hidden`` packs so many samples of the public instance's
    hidden split, and ``memory_mb`` is the size of the container.

    Raises UsageError for a kind that can't have hidden samples or own data that can't be read, GraderError without a wheel.
    """
    if hidden and kind != "gradescope":
        raise UsageError(f"--hidden {hidden}: only the gradescope kit can hold hidden samples; {kind}'s goes to students")
    public = public_task(rules, rubric_dir, home, progress)
    if kind == "gradescope":
        samples = _hidden_samples(rules, rubric_dir, home, hidden, progress) if hidden else None
        members = gradescope(public, samples, memory_mb)
    else:
        members = KITS[kind](public)
    return _without_secret(pack(members), home)


def _for_this_python(name: str) -> Member:
    """A job with the Python that the versions of ``constraints.txt`` are known to work with: the one that runs here."""
    return Member(_file(name).data.replace(b"3.12", b"%d.%d" % sys.version_info[:2]))


def _file(name: str, executable: bool = False) -> Member:
    return Member((files_folder() / name).read_bytes(), executable)


def _grader(public: PublicTask, solutions: bool = False) -> dict[str, Member]:
    """The wheel, the versions, the rubric and its data: what a self-check needs. The ladder's solutions are the instructor's."""
    name, data = wheel()
    if not solutions:
        compares = any(criterion.kind == "beats_reference" for criterion in public.rubric.criteria)
        data = without_solutions(data, {f"{REFERENCE}.py"} if compares else set())
    about = {name: Member(data), "constraints.txt": Member(constraints()), "rubric.yaml": Member(rubric_text(public.rubric))}
    return about | public.files


def _hidden_samples(rules: Rubric, rubric_dir: Path, home: Path, count: int, progress: task.Progress) -> bytes:
    """The first ``count`` samples of the public instance's hidden split: no hidden instance is opened for them."""
    alone = rules.model_copy(update={"instances": InstancesSection(hidden=0)})
    split = task.load(alone, rubric_dir, home, progress).instances[0].hidden
    assert split is not None  # the instructor's instances have one
    if count > len(split.inputs):
        raise UsageError(f"--hidden {count}: expected at most {len(split.inputs)}, which is all that there are")
    return owndata.split_bytes(split.inputs[:count], split.targets[:count])


def _without_secret(kit: bytes, home: Path) -> bytes:
    """The kit, after a look for the secret in every member: whatever went wrong before, it is not handed out."""
    try:
        text = (home / "secret").read_bytes().strip().lower()
    except OSError:  # there is none yet, or it is somebody else's
        return kit
    if re.fullmatch(rb"[0-9a-f]{64}", text):
        raw = bytes.fromhex(text.decode())
        for name, data in contents(kit):
            if text in data.lower() or raw in data:
                raise GraderError(f"the kit would hold the secret of {home} in {name}; it was not written")
    return kit
