"""What the tests of the whole program share: one prepared home, small rubrics, and the program itself as a process."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "grade.py"

# In a script's background, as in CI, these are ignored, and every program that a test starts would inherit that.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PRUNEGRADE_HOME with secret, hidden data and one hidden model, built once for all tests."""
    folder = tmp_path_factory.mktemp("prepared")
    rubric = rubric_file(folder, instances={"hidden": 1})
    done = run_program("init", "--rubric", rubric, home=folder / "home")
    assert done.returncode == 0, done.stderr
    return folder / "home"


@pytest.fixture(scope="session")
def kits(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """Every kit, and "hidden": Gradescope's with hidden samples, all for a task with one hidden instance."""
    from machine import HIDDEN

    from grader import rubric as rubrics
    from grader.kits import build

    folder = tmp_path_factory.mktemp("kits")
    rules = rubrics.load(rubric_file(folder, instances={"hidden": 1}))
    found = {kind: build.build(kind, rules, folder, home) for kind in ("student", "gradescope", "github", "gitlab")}
    return found | {"hidden": build.build("gradescope", rules, folder, home, hidden=HIDDEN)}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program under the name that installing gives it, alone in a folder for PATH."""
    path = tmp_path_factory.mktemp("bin") / "prunegrade"
    start = f"import sys; sys.argv[0] = {str(path)!r}; sys.path.insert(0, {str(ROOT)!r})"
    code = f"{start}; from grader.cli.program import main; main()"
    path.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-c", code])} "$@"\n')
    path.chmod(0o755)
    return path


def rubric_file(folder: Path, **changes: Any) -> Path:
    """Write ``folder/rubric.yaml`` with small limits and no hidden instance. A change updates its section, or replaces it.

    Example: ``rubric_file(tmp_path, instances={"hidden": 1}, limits={"cpu_seconds": 2})``.
    """
    rubric = yaml.safe_load((ROOT / "rubric.yaml").read_text(encoding="utf-8"))
    rubric["instances"] = {"hidden": 0}
    rubric["limits"] |= {"cpu_seconds": 30, "wall_seconds": 60}  # the reference takes 5 s on a slow core
    for section, change in changes.items():
        merges = isinstance(change, Mapping) and isinstance(rubric.get(section), Mapping)
        rubric[section] = {**rubric[section], **change} if merges else change
    path = folder / "rubric.yaml"
    path.write_text(yaml.safe_dump(rubric), encoding="utf-8")
    return path


def program(*arguments: object, python: str = sys.executable) -> list[str]:
    """The command line that starts the program."""
    return [python, str(PROGRAM), *map(str, arguments)]


LONGEST = (pytest.mark.long, pytest.mark.longest)  # of a test with several parameters: those that CI leaves out


def environment(home: Path | None, **also: str) -> dict[str, str]:
    """The caller's environment without what would colour or widen the output; an empty value in ``also`` removes a name."""
    taken_away = {"PRUNEGRADE_HOME", "PRUNEGRADE_DEBUG", "FORCE_COLOR", "NO_COLOR", "COLUMNS"}
    kept = {name: value for name, value in os.environ.items() if name not in taken_away}
    kept["CUDA_VISIBLE_DEVICES"] = "-1"  # a GPU of this machine is for the tests that ask for it
    kept |= {"PRUNEGRADE_HOME": str(home)} if home else {}
    return {name: value for name, value in (kept | also).items() if value}


def run_program(
    *arguments: object,
    home: Path | None = None,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run ``grade.py ARGUMENTS`` to its end, ``before`` being words of a command that starts it, such as prlimit."""
    return subprocess.run(
        [*before, *program(*arguments)],
        cwd=cwd,
        env=environment(home, **(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        **{"timeout": 300, **options},
    )


class Started:
    """``grade.py ARGUMENTS`` while it runs, with a folder for temporary files by which all its processes are known."""

    def __init__(self, folder: Path, *arguments: object, home: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.scratch, self._out, self._err = folder / "scratch", folder / "stdout", folder / "stderr"
        self.scratch.mkdir(exist_ok=True)
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self.process = subprocess.Popen(
                program(*arguments),
                cwd=ROOT,
                env=environment(home, TMPDIR=str(self.scratch)),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def output(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def messages(self) -> str:
        return self._err.read_text(encoding="utf-8")

    def wait_for(self, words: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.messages:
            assert self.process.poll() is None and time.monotonic() < deadline, f"no {words!r} in: {self.messages}"
            time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        """As the terminal does on Ctrl-C: to the whole group in the foreground."""
        os.killpg(self.process.pid, number)

    def finish(self, seconds: float = 120) -> int:
        return self.process.wait(timeout=seconds)

    def nurseries(self) -> list[int]:
        """The keeper's child processes."""
        return [pid for pid in _processes() if _parent(pid) == self.process.pid]

    def processes(self) -> list[int]:
        """All processes of this run, the keeper too."""
        return [pid for pid in _processes() if self._owns(pid)]

    def survivors(self, seconds: float = 10) -> list[int]:
        """Processes of this run, the keeper too, that are still there after ``seconds``."""
        deadline = time.monotonic() + seconds
        while (found := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def _owns(self, pid: int) -> bool:
        try:
            return os.fsencode(self.scratch) in Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:  # ended, or somebody else's
            return False


def _processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


MEASURED = ("verdict", "stage", "zeros", "parameters", "layers", "sparsity", "mse", "mse_per_output", "score", "points")


def measurements(grades: Mapping[str, Any]) -> str:
    """All that must be identical from run to run, in student order, as text."""
    fields = (*MEASURED, "weights_sha256")
    table = [
        {
            "student": report["student"],
            **{field: report[field] for field in fields if field in report},
            "instances": [{field: instance[field] for field in ("name", *fields)} for instance in report["instances"]],
        }
        for report in [*grades["submissions"], grades["reference"]]
    ]
    return json.dumps(table, indent=1)


def grades_in(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "grades.json").read_text(encoding="utf-8"))
    return found
