"""The kits' own commands: Gradescope's layout in a scratch folder, the workflows' steps as GitHub and GitLab would run them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from conftest import ROOT
from machine import obeyed, offline, run, unpacked

from grader.report import gradescope

SITE = sysconfig.get_paths()["purelib"]
POORER = ROOT / "tests" / "poorer_kernel.py"
MAGNITUDE = ROOT / "submissions" / "magnitude.py"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of programs whose python makes virtual environments that see the packages of this one, as a cache would give."""
    folder = tmp_path_factory.mktemp("bin")
    real, version = shlex.quote(os.path.realpath(sys.executable)), f"python{sys.version_info[0]}.{sys.version_info[1]}"
    script = f"""#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
    {real} -m venv --without-pip "$3" && echo {shlex.quote(SITE)} >"$3/lib/{version}/site-packages/lent.pth"
else
    exec {real} "$@"
fi
"""
    for name in ("python", "python3", "python3.14"):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    return folder


BROKEN = "def prune(model):\n    print('::error::owned ##[error]owned')\n    raise ValueError('\\x1b[31mno')\n"


@pytest.fixture(scope="module")
def autograder(kits: Mapping[str, bytes], machine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as Gradescope does it, with its image built."""
    root = tmp_path_factory.mktemp("autograder")
    root.chmod(0o755)
    unpacked(kits["hidden"], root / "source")
    shutil.copy(root / "source" / "run_autograder", root)
    done = run("bash source/setup.sh", root, offline(machine) | {"AUTOGRADER": str(root)})
    assert done.returncode == 0, done.stderr
    assert "graded: 0.4" in done.stdout
    return root


def autograded(
    root: Path, submission: Mapping[str, str], before: list[str] | None = None, metadata: str | None = None
) -> dict[str, Any]:
    """results.json of a submission in a container of its own: a copy of the image."""
    container = root.with_name(f"{root.name}-{len(list(root.parent.iterdir()))}")
    shutil.copytree(root, container, symlinks=True)
    (container / "submission").mkdir()
    for name, text in submission.items():
        (container / "submission" / name).write_text(text.replace("CONTAINER", str(container)))
    if metadata is not None:
        (container / "submission_metadata.json").write_text(metadata)
    done = run(
        [*(before or []), "/bin/bash", container / "run_autograder"], container, offline() | {"AUTOGRADER": str(container)}
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((container / "results" / "results.json").read_text())
    assert sorted(path.name for path in (container / "results").iterdir()) == ["results.json"]
    return found


@pytest.mark.long
def test_gradescope_scores_on_hidden_samples_where_they_are_safe(autograder: Path) -> None:
    created = json.dumps({"created_at": "2026-05-01T12:00:00.5-07:00", "users": [{"name": "Ada", "email": "a@x.edu"}]})
    found = autograded(autograder, {"prune.py": MAGNITUDE.read_text()}, metadata=created)
    assert 0.7 < found["score"] < 0.9 and found["tests"][0]["max_score"] == 1.5
    assert "hidden samples" in found["tests"][0]["name"] and found["extra_data"]["verdict"] == "graded"
    assert found["extra_data"]["submitted_at"] == "2026-05-01T12:00:00.500000-07:00"


@pytest.mark.long
@pytest.mark.longest
def test_gradescope_deletes_hidden_samples_where_they_are_not_safe(autograder: Path) -> None:
    opened = "[open(path, 'rb').read(9) for path in glob.glob('CONTAINER/source/hid*')]"
    reads = f"import glob\ndef prune(model):\n    print({opened})\n"
    poorer = [sys.executable, str(POORER), "landlock,namespaces,seccomp"]
    found = autograded(autograder, {"prune.py": reads}, before=poorer, metadata="")
    assert found["tests"][0]["name"] == "sparsity and error on the public validation data"
    assert [test["output"] for test in found["tests"] if test["name"] == "what it printed"] == ["| []"]


@pytest.mark.long
@pytest.mark.parametrize(
    "submission", [{"solution.py": BROKEN, "notes.py": "x = 1\n"}, {}, {"a.txt": "x"}], ids=["broken", "empty", "text"]
)
def test_gradescope_gives_a_failing_submission_its_reason(autograder: Path, submission: dict[str, str]) -> None:
    found = autograded(autograder, submission)
    assert found["score"] == 0 and found["extra_data"]["verdict"] == ("raised" if "solution.py" in submission else "unreadable")
    assert found["tests"][0]["status"] == "failed" and "What to try:" in found["tests"][0]["output"]
    assert gradescope.NOT_A_GRADE not in found["output"]


@pytest.mark.long
@pytest.mark.longest
def test_what_kills_the_autograder_leaves_the_words_that_it_is_no_grade(autograder: Path) -> None:
    container = Path(shutil.copytree(autograder, autograder.with_name("killed"), symlinks=True))
    (container / "submission").mkdir()
    (container / "submission" / "prune.py").write_text("import time\ndef prune(model):\n    time.sleep(100)\n")
    env = offline() | {"AUTOGRADER": str(container)}
    running = subprocess.Popen(
        ["/bin/bash", "run_autograder"], cwd=container, env=env, start_new_session=True, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not (container / "results" / "results.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    found = json.loads((container / "results" / "results.json").read_text())
    assert found["output"] == gradescope.NOT_A_GRADE and found["extra_data"] == {"verdict": "not_graded"}


def steps_of(workflow: Path) -> dict[str, dict[str, Any]]:
    ((_, job),) = yaml.safe_load(workflow.read_text())["jobs"].items()
    return {step["name"]: step for step in job["steps"] if "run" in step}


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@x.edu", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def committed(folder: Path) -> None:
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "work")


@pytest.mark.long
@pytest.mark.parametrize(
    "source", [MAGNITUDE.read_text(), pytest.param(BROKEN, marks=pytest.mark.longest)], ids=["graded", "broken"]
)
def test_the_check_workflows_commands_run_as_github_would(
    source: str, kits: Mapping[str, bytes], machine: Path, tmp_path: Path
) -> None:
    repository = unpacked(kits["github"], tmp_path) / "submission"
    (repository / "prune.py").write_text(source)
    committed(repository)
    files = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    env = offline(machine) | files | {"RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_ACTIONS": "true", "CI": "true"}
    steps = steps_of(repository / ".github" / "workflows" / "check.yml")
    installed = run(steps["Install"]["run"], repository, env | {"TORCH_INDEX": ""})
    assert installed.returncode == 0, installed.stderr
    done = run(steps["Check"]["run"], repository, env | {"PRUNEGRADE_HOME": str(tmp_path / "temp" / "home")})
    assert done.returncode == (source == BROKEN), done.stderr
    found = obeyed(done.stdout + done.stderr)
    assert [command for command, _, _ in found] == (["error"] if source == BROKEN else ["notice"])
    assert found[0][1].startswith("file=prune.py,")
    assert (tmp_path / "GITHUB_STEP_SUMMARY").stat().st_size < 1 << 20 and (tmp_path / "temp" / "report.html").exists()
    assert f"verdict={'raised' if source == BROKEN else 'graded'}\n" in (tmp_path / "GITHUB_OUTPUT").read_text()


@pytest.mark.long
@pytest.mark.longest
def test_the_instructors_workflow_clones_grades_and_reports(
    kits: Mapping[str, bytes], machine: Path, home: Path, tmp_path: Path
) -> None:
    own = unpacked(kits["github"], tmp_path / "kit") / "instructor"
    for name, source in (("ada", MAGNITUDE.read_text()), ("bob", BROKEN)):
        (repository := tmp_path / "hosted" / name).mkdir(parents=True)
        (repository / "prune.py").write_text(source)
        (repository / "link.py").symlink_to("/etc/passwd")
        committed(repository)
    lines = [f"{name} file://{tmp_path}/hosted/{name}" for name in ("ada", "bob", "gone")] + ["../evil file:///x", "--x y"]
    (own / "repositories.txt").write_text("# the course\n" + "\n".join(lines))
    steps = steps_of(own / ".github" / "workflows" / "grade.yml")
    env = offline(machine) | {"RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    env |= {"PRUNEGRADE_HOME": str(shutil.copytree(home, tmp_path / "home")), "PRUNEGRADE_OUT": str(tmp_path / "out")}
    done = {name: run(step["run"], own, env | {"TORCH_INDEX": "", "FRESH": ""}) for name, step in steps.items()}
    assert {name: one.returncode for name, one in done.items()} == {"Install": 0, "Clone": 1, "Grade": 0, "Summary": 0}, done
    assert "can't be cloned: gone" in done["Clone"].stderr and "not a line of 'name address'" in done["Clone"].stderr
    assert steps["Clone"]["continue-on-error"] is True and obeyed(done["Grade"].stdout) == []
    grades = json.loads((tmp_path / "out" / "grades.json").read_text())
    assert {one["student"]: one["verdict"] for one in grades["submissions"]} == {"ada": "graded", "bob": "raised"}
    assert "| ada | graded |" in (tmp_path / "summary").read_text()


@pytest.mark.long
def test_the_gitlab_jobs_commands_run_as_gitlab_would(kits: Mapping[str, bytes], machine: Path, tmp_path: Path) -> None:
    project = unpacked(kits["gitlab"], tmp_path / "project")
    (project / "prune.py").write_text(MAGNITUDE.read_text())
    job = yaml.safe_load((project / ".gitlab-ci.yml").read_text())["check"]
    script = "\n".join([*job["before_script"], *job["script"]])
    env = offline(machine) | {
        "CI_PROJECT_DIR": str(project),
        "CI_COMMIT_TIMESTAMP": "2026-05-01T12:00:00+02:00",
        "VENV": str(tmp_path / "venv"),
    }
    env |= {name: value.replace("$CI_PROJECT_DIR", str(project)) for name, value in job["variables"].items()}
    done = run(script, project, env)
    assert done.returncode == 0, done.stderr
    reports = job["artifacts"]["reports"]
    assert ElementTree.parse(project / reports["junit"]).getroot().get("failures") == "0"
    assert "prune_graded 1.0" in (project / reports["metrics"]).read_text()
    assert all((project / path).exists() for path in job["artifacts"]["paths"])


@pytest.mark.long
@pytest.mark.longest
def test_check_sets_up_an_environment_and_goes_on_where_it_was_interrupted(kits: Mapping[str, bytes], tmp_path: Path) -> None:
    kit = unpacked(kits["student"], tmp_path)
    python = os.path.realpath(sys.executable)  # without this environment's packages
    first = run([python, "check.py"], kit, offline())
    assert first.returncode == 3 and "the grader could not be installed" in first.stderr
    for site in (kit / ".venv").glob("lib/python*/site-packages"):
        (site / "lent.pth").write_text(SITE)
        for own in site.glob("setuptools*"):
            shutil.rmtree(own)
    second = run([python, "check.py"], kit, offline())
    assert second.returncode == 0, second.stderr
    assert second.stdout.startswith("graded: 0.4") and (kit / ".venv" / ".ready").exists()
    third = run([python, "check.py", "-q"], kit, offline())
    assert "setting up" in second.stderr and "setting up" not in third.stderr
