"""The kits hold what they need and nothing hidden, and do what they are for, on a machine that has nothing but the packages."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import json
import runpy
import shutil
import stat
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import nbformat
import numpy as np
import pytest
import safetensors.numpy
import yaml
from conftest import ROOT, rubric_file, run_program
from machine import HIDDEN, offline, run, unpacked

from grader import rubric as rubrics
from grader import task
from grader.errors import GraderError, UsageError
from grader.kits import build
from grader.kits.archive import Member, contents, pack
from grader.kits.public import constraints
from grader.kits.wheel import without_solutions
from grader.rubric import Rubric, parse

KINDS = ("student", "gradescope", "github", "gitlab")


def names_in(kit: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(kit)) as archive:
        return archive.namelist()


def wheel_in(kit: bytes, folder: str = "") -> bytes:
    with zipfile.ZipFile(io.BytesIO(kit)) as archive:
        (name,) = (name for name in archive.namelist() if name.startswith(folder) and name.endswith(".whl"))
        return archive.read(name)


# --- nothing hidden ---------------------------------------------------------------------------------------------------


def secrets_of(home: Path) -> dict[str, bytes]:
    """All that must be in no kit, by what it is: the secret and the seeds in several spellings, and rows of hidden arrays."""
    text = (home / "secret").read_text().strip()
    raw = bytes.fromhex(text)
    seed = hmac.digest(raw, b"instance1", "sha256")
    found = {
        "secret in hex": text.encode(),
        "secret": raw,
        "secret reversed": raw[::-1],
        "secret as a number": str(int(text, 16)).encode(),
    }
    found |= {"seed": seed, "seed in hex": seed.hex().encode(), "seed as a number": str(int.from_bytes(seed, "big")).encode()}
    found |= {"secret in base64": base64.b64encode(raw), "seed reversed": seed[::-1]}
    for path in (home / "hidden").glob("*.safetensors"):
        for name, array in safetensors.numpy.load_file(path).items():
            rows = np.ascontiguousarray(array).reshape(len(array), -1)
            for row in range(HIDDEN, len(rows), max(1, len(rows) // 25)):
                found[f"{path.name} {name} row {row}"] = (
                    rows[row].tobytes()[:40] if rows.shape[1] > 1 else array[row:].tobytes()[:40]
                )
    return found


def leaks(kit: bytes, home: Path) -> list[str]:
    needles = secrets_of(home)
    return [f"{what} in {name}" for name, data in contents(kit) for what, needle in needles.items() if needle in data]


@pytest.mark.parametrize("kind", [*KINDS, "hidden"])
def test_no_kit_holds_the_secret_a_hidden_array_or_a_seed(kind: str, kits: Mapping[str, bytes], home: Path) -> None:
    assert leaks(kits[kind], home) == []


def test_the_search_finds_each_of_them_in_an_archive_within_the_kit(kits: Mapping[str, bytes], home: Path) -> None:
    needles = secrets_of(home)
    assert len(needles) > 100 and any("hidden-1" in what for what in needles) and any("public" in what for what in needles)
    for what in ("secret", "seed as a number", next(name for name in needles if "hidden.X" in name)):
        planted = pack({"x.whl": Member(pack({"deep/data.bin": Member(b"\1" + needles[what] + b"\2")}))})
        assert [leak for leak in leaks(planted, home) if leak.startswith(f"{what} in ")]


def test_a_kit_with_hidden_samples_has_so_many_and_none_of_a_hidden_instance(kits: Mapping[str, bytes], home: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(kits["hidden"])) as archive:
        found = safetensors.numpy.load(archive.read(build.HIDDEN))
    (path,) = (home / "hidden").glob("public-*.safetensors")
    assert np.array_equal(found["X"], safetensors.numpy.load_file(path)["hidden.X"][:HIDDEN]) and len(found["Y"]) == HIDDEN
    assert build.HIDDEN not in names_in(kits["gradescope"])


def test_a_kit_that_would_hold_the_secret_is_not_written(home: Path) -> None:
    text = (home / "secret").read_text().strip()
    for planted in (text.upper().encode(), bytes.fromhex(text)):
        with pytest.raises(GraderError, match=r"would hold the secret .* in /inner\.zip/a"):
            build._without_secret(pack({"inner.zip": Member(pack({"a": Member(b"x" + planted)}))}), home)


def test_only_gradescopes_kit_may_have_hidden_samples(home: Path, tmp_path: Path) -> None:
    done = run_program("kit", "student", "-o", tmp_path / "kit.zip", "--hidden", 5, home=home)
    assert done.returncode == 2 and "only the gradescope kit can hold hidden samples" in done.stderr
    with pytest.raises(UsageError, match="expected at most 20000"):
        build.build("gradescope", Rubric(), tmp_path, home, hidden=20_001)


def own_data(folder: Path) -> Rubric:
    random = np.random.default_rng(0)
    for part in ("train", "validation", "hidden"):
        x, y = random.standard_normal((30, 128)), random.standard_normal((30, 10))
        np.savez(folder / f"my {part}.npz", X=x.astype(np.float32), Y=y.astype(np.float32))
    shutil.copy(ROOT / "reference" / "model.safetensors", folder / "weights.safetensors")
    files = {part: f"my {part}.npz" for part in ("train", "validation", "hidden")} | {"model": "weights.safetensors"}
    return parse({"task": {"files": files}, "instances": {"hidden": 0}}, "rubric.yaml")


def test_a_kit_of_own_data_has_all_files_but_the_hidden_one(tmp_path: Path) -> None:
    rules = own_data(tmp_path)
    data = build.build("student", rules, tmp_path, tmp_path / "home")
    kit = unpacked(data, tmp_path / "kit")
    assert sorted(path.name for path in (kit / "data").iterdir()) == ["model.safetensors", "train.npz", "validation.npz"]
    found = task.public(rubrics.load(kit / "rubric.yaml"), kit, kit / ".prunegrade")
    assert found.digest == task.public(rules, tmp_path, tmp_path / "home").digest
    row = np.load(tmp_path / "my hidden.npz")["X"][3].tobytes()
    assert not [name for name, content in contents(data) if row in content]
    assert [name for name, content in contents((tmp_path / "my hidden.npz").read_bytes()) if row in content]


def test_a_model_that_is_not_shipped_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grader.generator.EPOCHS", 1)  # as good as any here
    rules = parse({"task": {"public_seed": 12}}, "rubric.yaml")
    kit = unpacked(build.build("gitlab", rules, tmp_path, tmp_path / "home"), tmp_path / "kit") / ".gitlab" / "prunegrade"
    monkeypatch.setattr("grader.generator.train_model", lambda *_: pytest.fail("it was trained again"))
    found = task.public(rubrics.load(kit / "rubric.yaml"), kit, kit / ".prunegrade")
    assert found.digest == task.public(rules, tmp_path, tmp_path / "home").digest


# --- what lies where --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_kit_has_the_same_bytes_each_time(kind: str, kits: Mapping[str, bytes], home: Path, tmp_path: Path) -> None:
    rules = rubrics.load(rubric_file(tmp_path, instances={"hidden": 1}))
    assert build.build(kind, rules, tmp_path, home) == kits[kind]


def test_scripts_may_be_executed_and_the_autograders_lie_at_the_root(kits: Mapping[str, bytes]) -> None:
    executable = {}
    for kind in KINDS:
        with zipfile.ZipFile(io.BytesIO(kits[kind])) as archive:
            modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
        assert all(stat.S_ISREG(mode) and mode & 0o600 == 0o600 for mode in modes.values())
        executable[kind] = {name for name, mode in modes.items() if mode & 0o111}
    assert executable["gradescope"] == {"setup.sh", "run_autograder"} and executable["github"] == {"instructor/clone.sh"}
    assert executable["student"] == executable["gitlab"] == set()


def test_each_kit_has_the_grader_its_versions_and_its_rubric(kits: Mapping[str, bytes]) -> None:
    homes = {"student": "", "gradescope": "", "gitlab": ".gitlab/prunegrade/", "github": "submission/.github/prunegrade/"}
    for kind, folder in homes.items():
        names = names_in(kits[kind])
        assert {f"{folder}rubric.yaml", f"{folder}constraints.txt"} <= set(names)
        assert any(name.startswith(f"{folder}prunegrade-") and name.endswith(".whl") for name in names)


def test_students_get_the_rubric_and_not_the_solutions(kits: Mapping[str, bytes]) -> None:
    names = names_in(wheel_in(kits["student"]))
    assert {"grader/reference/model.safetensors", "grader/reference/ladder.json"} <= set(names)
    assert not [name for name in names if name.startswith("grader/reference/") and name.endswith(".py")]
    assert "grader/reference/best.py" in names_in(wheel_in(kits["github"], "instructor/"))
    with zipfile.ZipFile(io.BytesIO(kits["student"])) as archive:
        assert parse(yaml.safe_load(archive.read("rubric.yaml")), "rubric.yaml").instances.hidden == 1


def test_a_criterion_that_compares_takes_its_reference_along(home: Path, tmp_path: Path) -> None:
    rules = parse({"criteria": [{"kind": "beats_reference", "name": "better", "points": 1}]}, "rubric.yaml")
    names = names_in(wheel_in(build.build("student", rules, tmp_path, home)))
    assert "grader/reference/linear_bridge.py" in names and "grader/reference/best.py" not in names


def test_the_record_of_a_wheel_without_solutions_is_right(kits: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(wheel_in(kits["gitlab"]))) as archive:
        (record,) = (name for name in archive.namelist() if name.endswith("/RECORD"))
        rows = {name: (digest, size) for name, digest, size in csv.reader(io.StringIO(archive.read(record).decode()))}
        assert rows.keys() == set(archive.namelist()) and rows[record] == ("", "")
        for name in rows.keys() - {record}:
            digest = base64.urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest()).rstrip(b"=").decode()
            assert rows[name] == (f"sha256={digest}", str(archive.getinfo(name).file_size))
    whole = without_solutions(wheel_in(kits["github"], "instructor/"), {"best.py"})
    assert [name for name in names_in(whole) if name.endswith("reference/best.py")]


def test_gradescopes_rubric_fits_its_container() -> None:
    small, large = build.for_gradescope(Rubric(), 768), build.for_gradescope(Rubric(), 6144)
    assert (small.limits.memory_bytes >> 20, large.limits.memory_bytes >> 20) == (256, 4096)
    assert (small.limits.cpu_seconds, small.limits.wall_seconds, small.allow.gpu, small.device) == (60, 240, False, "cpu")
    assert small.points == Rubric().points and small.max_points == Rubric().max_points


def test_constraints_name_what_submissions_may_import() -> None:
    lines = dict(line.split("==") for line in constraints().decode().split())
    assert {"torch", "numpy", "scipy", "scikit-learn", "matplotlib", "tqdm", "ipython", "typer"} <= lines.keys()
    assert "+" not in lines["torch"] and "pytest" not in lines and "prunegrade" not in lines


# --- the wheel, and a student's own Python ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def student_kit(kits: Mapping[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(kits["student"], tmp_path_factory.mktemp("student") / "kit")


@pytest.fixture(scope="module")
def student_env(student_kit: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A Python in which the kit's wheel is installed."""
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, *student_kit.glob("*.whl")]
    done = run(pip, student_kit, offline())
    assert done.returncode == 0, done.stderr
    return offline() | {"PYTHONPATH": str(site)}


def test_a_students_check_is_one_command(student_kit: Path, student_env: Mapping[str, str], tmp_path: Path) -> None:
    done = run([sys.executable, "check.py", "--html", tmp_path / "report.html"], student_kit, student_env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("graded: 0.4") and "the official run:" in done.stdout
    assert "prune.py" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("nosuch.py", "check.py: nosuch.py: no such file or folder; "),
        ("--nosuch", "check.py: no such option: --nosuch; see 'check.py --help'\n"),
        ("prune.py --min-points", "check.py: option '--min-points' requires an argument; see 'check.py --help'\n"),
    ],
)
def test_a_kits_check_goes_by_its_own_name(words: str, says: str, student_kit: Path, student_env: Mapping[str, str]) -> None:
    done = run([sys.executable, "check.py", *words.split()], student_kit, student_env)
    assert (done.returncode, done.stdout, done.stderr[: len(says)]) == (2, "", says)


def test_a_kits_check_has_help_by_its_own_name(student_kit: Path, student_env: Mapping[str, str]) -> None:
    done = run([sys.executable, "check.py", "-h"], student_kit, student_env)
    assert (
        done.returncode == 0 and "Usage: check.py [OPTIONS]" in done.stdout and " $ check.py my_prune.py --watch" in done.stdout
    )
    assert "grade.py" not in done.stdout


@pytest.mark.parametrize("index", ["", "https://example.org/cpu"])
def test_a_kit_takes_torch_from_the_index_that_is_named(
    index: str, student_kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[list[str]] = []
    kit = runpy.run_path(str(shutil.copytree(student_kit, tmp_path / "kit") / "check.py"), run_name="kit")
    (kit["ENVIRONMENT"]).mkdir()
    monkeypatch.setenv("TORCH_INDEX", index)
    monkeypatch.setattr("venv.create", lambda *_, **__: None)
    monkeypatch.setattr("subprocess.run", lambda words, **_: ran.append([str(word) for word in words]))
    kit["set_up"]()
    assert [words[-3:] for words in ran[:-1]] == ([["--index-url", index, "torch"]] if index else [])
    assert ran[-1][-1].endswith(".whl[packages]")
    assert ("some hundred megabytes" if index or sys.platform != "linux" else "several gigabytes") in capsys.readouterr().err


WALK = """
import json, sys
import numpy as np
import assignment
from assignment import *
from assignment.pruning import fine_tune, training_data
assert data_loader is assignment.data_loader and device.type == "cpu" and sys.modules["assignment"] is assignment
before = points(0.5)
inputs, targets = train_loader().dataset.tensors
batches = [len(x) for x, _ in validation_loader(1000)]
print(json.dumps([float(inputs.double().sum()), float(targets.double().sum()), len(train_loader()), batches, before]))
"""


def test_assignment_outside_has_the_same_names_and_data(student_kit: Path, student_env: Mapping[str, str], home: Path) -> None:
    done = run([sys.executable, "-c", WALK], student_kit, student_env)
    assert done.returncode == 0, done.stderr
    inputs, targets, batches, sizes, points = json.loads(done.stdout)
    public = task.public(rubrics.load(student_kit / "rubric.yaml"), student_kit, home)
    assert (inputs, targets) == pytest.approx((public.train.inputs.sum(dtype=float), public.train.targets.sum(dtype=float)))
    assert (batches, sizes, points) == (125, [1000] * 4, Rubric().points_of(0.5))


def test_assignment_without_the_grader_says_what_to_do(student_kit: Path) -> None:
    done = run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(student_kit)!r}); import assignment"],
        student_kit,
        {},
    )
    assert "run 'python check.py' once and use .venv, or install it with 'pip install prunegrade-" in done.stderr


def test_the_notebook_is_valid_and_its_cells_run(student_kit: Path, student_env: Mapping[str, str]) -> None:
    notebook = nbformat.read(student_kit / "task.ipynb", as_version=4)
    nbformat.validate(notebook)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    done = run([sys.executable, "-c", "\n\n".join(cells)], student_kit, student_env)
    assert done.returncode == 0, done.stderr
    assert len(cells) >= 6 and "best share of zeros" in done.stdout and "points 0.8" in done.stdout


def test_the_whole_kit_may_be_handed_in(student_kit: Path, home: Path) -> None:
    done = run_program("check", student_kit, "--one", "--json", home=home)
    report = json.loads(done.stdout)
    assert (report["verdict"], round(report["sparsity"], 3)) == ("graded", 0.5)


def test_an_installed_grader_makes_the_same_kit(kits: Mapping[str, bytes], home: Path, tmp_path: Path) -> None:
    (wheel := tmp_path / names_in(kits["github"])[-1].rpartition("/")[2]).with_name("whole").mkdir()
    (name,) = (name for name in names_in(kits["github"]) if name.startswith("instructor/prunegrade-"))
    wheel = tmp_path / name.rpartition("/")[2]
    wheel.write_bytes(wheel_in(kits["github"], "instructor/"))
    done = run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path / "site", wheel], tmp_path, offline()
    )
    assert done.returncode == 0, done.stderr
    env = offline() | {"PYTHONPATH": str(tmp_path / "site"), "PRUNEGRADE_HOME": str(home)}
    start = "import sys; from grader.cli.program import main; sys.argv[0] = 'x'; main()"
    rubric = rubric_file(tmp_path, instances={"hidden": 1})
    done = run([sys.executable, "-c", start, "kit", "gitlab", "-o", "kit.zip", "--rubric", rubric], tmp_path, env)
    assert done.returncode == 0, done.stderr
    made = dict(contents((tmp_path / "kit.zip").read_bytes()))
    for path, data in contents(kits["gitlab"]):
        if not path.endswith((".whl", "RECORD")) and path:
            assert made[path] == data, path
