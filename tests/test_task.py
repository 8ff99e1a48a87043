"""The built-in task keeps what it promises, the secret stays private, caches heal, and own data is checked by name."""

import hashlib
import math
import os
import stat
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

from grader import generator, owndata, task
from grader.errors import GraderError, UsageError
from grader.formulas import PARAMETER_SHAPES, compute_error
from grader.inside.assignment import MLP
from grader.rubric import Rubric, parse

Arrays = dict[str, np.ndarray]


def rubric(hidden: int = 1, seed: int = 11) -> Rubric:
    return parse({"task": {"public_seed": seed}, "instances": {"hidden": hidden}}, "rubric.yaml")


def load(home: Path, hidden: int = 1, seed: int = 11) -> task.Task:
    return task.load(rubric(hidden, seed), Path("unused"), home)


def mse(model: Any, inputs: np.ndarray, targets: np.ndarray) -> float:
    network = MLP()
    network.load_state_dict({name: torch.from_numpy(array) for name, array in model.items()})
    return compute_error(network, [(torch.from_numpy(inputs), torch.from_numpy(targets))])


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replaces the training, which takes 5 s, by random weights; gives the seeds that were 'trained'."""
    seeds: list[int] = []

    def draw(seed: int, inputs: np.ndarray, targets: np.ndarray, progress: Any = None, device: str = "cpu") -> Arrays:
        seeds.append(seed)
        progress(1.0)
        weights = generator.stream(seed, 99)
        return {name: weights.standard_normal(shape, np.float32) for name, shape in PARAMETER_SHAPES.items()}

    monkeypatch.setattr(generator, "train_model", draw)
    return seeds


@pytest.fixture
def loose_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# The generator


@pytest.fixture(scope="module")
def function() -> generator.Function:
    return generator.draw_function(11)


@pytest.fixture(scope="module")
def train(function: generator.Function) -> tuple[np.ndarray, np.ndarray]:
    return generator.draw_split(function, generator.TRAIN_SAMPLES, 11, generator.TRAIN)


@pytest.fixture(scope="module")
def many(function: generator.Function) -> tuple[np.ndarray, np.ndarray]:
    inputs, targets = generator.draw_split(function, 40_000, 11, 1234)
    return inputs.astype(np.float64), targets.astype(np.float64)


def test_seed_11_gives_the_published_bytes(train: tuple[np.ndarray, np.ndarray]) -> None:
    """The targets' last bit may differ with another BLAS; then this test and every digest of the task say so."""
    assert [array.dtype for array in train] == [np.float32, np.float32]
    assert [hashlib.sha256(array.tobytes()).hexdigest()[:16] for array in train] == ["cab5f5176dae2957", "9f42adbbe9280364"]


def test_targets_have_variance_1000_and_a_mean_that_is_not_zero(many: tuple[np.ndarray, np.ndarray]) -> None:
    assert many[1].var(axis=0).mean() == pytest.approx(1000, rel=0.02)
    assert np.mean(many[1] ** 2) > 1100


def test_the_best_linear_model_leaves_an_error_of_91_5(function: generator.Function, many: tuple[np.ndarray, np.ndarray]) -> None:
    """Exactly so on the inputs that the function was calibrated on; within 2 % on others."""
    calibration = generator.draw_split(function, generator.CALIBRATION_SAMPLES, 11, generator.CALIBRATION)
    for samples, tolerance in ((calibration, 0.3), (many, 2.0)):
        inputs, targets = (array.astype(np.float64) for array in samples)
        slope, intercept = generator._linear_fit(inputs, targets)
        assert np.mean((inputs @ slope + intercept - targets) ** 2) == pytest.approx(91.5, abs=tolerance)


def test_only_the_noise_is_left_of_the_true_function(function: generator.Function, many: tuple[np.ndarray, np.ndarray]) -> None:
    assert np.mean((function(many[0]) - many[1]) ** 2) == pytest.approx(1.5, rel=0.02)


def test_half_of_the_inputs_matter(function: generator.Function) -> None:
    """The other half matters as little as the calibration's 20,000 samples can tell from nothing."""
    inputs = generator.draw_inputs(generator.stream(5), 50, function.input_scale, function.group)
    before = function(inputs)
    matters = 0
    for column in range(128):
        changed = inputs.copy()
        changed[:, column] += 1
        matters += bool(np.abs(function(changed) - before).max() > 1.0)
    assert matters == 128 // 2


def test_inputs_of_a_group_correlate_and_keep_their_scale(
    many: tuple[np.ndarray, np.ndarray], function: generator.Function
) -> None:
    np.testing.assert_allclose(many[0].std(axis=0), function.input_scale, rtol=0.05)
    correlation = np.corrcoef(many[0].T)
    same = function.group[:, None] == function.group
    assert correlation[same & ~np.eye(128, dtype=bool)].mean() == pytest.approx(0.4, abs=0.02)
    assert np.abs(correlation[~same]).max() < 0.05


def test_the_function_does_not_depend_on_the_number_of_threads(function: generator.Function) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        again = generator.draw_function(11)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(one, other) for one, other in zip(vars(function).values(), vars(again).values(), strict=True))


def test_splits_of_different_keys_are_different(function: generator.Function) -> None:
    one, other = (generator.draw_split(function, 10, 11, generator.HIDDEN, secret)[0] for secret in (1, 2))
    assert not np.any(np.all(one == other, axis=1))


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    rates = [generator.learning_rate(step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(2e-2 / 50)
    assert np.argmax(rates) in range(45, 55)
    assert max(rates) == pytest.approx(2e-2, rel=0.01)
    assert 0 < rates[-1] < 1e-6


# The trained models


def test_the_shipped_model_has_the_right_parameters_and_error(function: generator.Function) -> None:
    path = task.reference_folder() / "model.safetensors"
    stored = safetensors.numpy.load_file(path)
    assert {name: (array.shape, array.dtype) for name, array in stored.items()} == {
        name: (shape, np.float32) for name, shape in PARAMETER_SHAPES.items()
    }
    assert path.stat().st_size < 600_000
    model = task.shipped_model()
    assert list(model) == list(PARAMETER_SHAPES)
    test = generator.draw_split(function, generator.HIDDEN_SAMPLES, 11, generator.HIDDEN, 2**200 + 5)
    assert 4.0 < mse(model, *test) < 4.8


def test_the_first_load_trains_a_hidden_model_and_the_second_is_quick(tmp_path: Path) -> None:
    """The one real training of the tests: 5 to 10 s."""
    steps: list[tuple[str, float]] = []
    built = task.load(rubric(), Path("unused"), tmp_path, lambda name, done: steps.append((name, done)))
    hidden = built.instances[1]
    assert hidden.hidden is not None
    assert 3.0 < mse(hidden.model, hidden.hidden.inputs, hidden.hidden.targets) < 7.0
    assert len([done for name, done in steps if name == "hidden-1"]) >= generator.EPOCHS
    assert [done for name, done in steps if name == "hidden-1"] == sorted(done for name, done in steps if name == "hidden-1")

    steps.clear()
    again = task.load(rubric(), Path("unused"), tmp_path, lambda name, done: steps.append((name, done)))
    assert again.digest == built.digest
    assert not steps, "the cache was not used"


def test_training_is_deterministic_and_restores_the_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, train: tuple[np.ndarray, np.ndarray]
) -> None:
    monkeypatch.setattr(generator, "EPOCHS", 1)
    before = torch.get_num_threads()
    inputs, targets = train[0][:2000], train[1][:2000]
    state = torch.get_rng_state()
    one, other = generator.train_model(11, inputs, targets), generator.train_model(11, inputs, targets)
    assert all(np.array_equal(one[name], other[name]) for name in PARAMETER_SHAPES)
    assert {name: array.shape for name, array in one.items()} == PARAMETER_SHAPES
    assert torch.get_num_threads() == before
    assert torch.equal(state, torch.get_rng_state())


# Instances


@pytest.mark.usefixtures("untrained")
def test_a_task_has_the_public_instance_and_as_many_hidden_ones_as_the_rubric_says(tmp_path: Path) -> None:
    built = load(tmp_path, hidden=2)
    assert [instance.name for instance in built.instances] == ["public", "hidden-1", "hidden-2"]
    for instance in built.instances:
        assert instance.hidden is not None
        splits = (instance.train, instance.validation, instance.hidden)
        assert [split.inputs.shape for split in splits] == [(16_000, 128), (4_000, 128), (20_000, 128)]
        assert [split.targets.shape for split in splits] == [(16_000, 10), (4_000, 10), (20_000, 10)]
        assert list(instance.model) == list(PARAMETER_SHAPES)
        assert all(split.inputs.dtype == split.targets.dtype == np.float32 for split in splits)
    assert len({instance.digest for instance in built.instances}) == 3


@pytest.mark.usefixtures("untrained")
def test_another_secret_gives_other_hidden_data_and_the_same_public_data(tmp_path: Path) -> None:
    one, other = load(tmp_path / "one"), load(tmp_path / "other")
    assert one.digest != other.digest
    for mine, yours in zip(one.instances, other.instances, strict=True):
        assert mine.hidden is not None
        assert yours.hidden is not None
        assert not np.any(np.all(mine.hidden.inputs == yours.hidden.inputs, axis=1))
    assert np.array_equal(one.instances[0].train.inputs, other.instances[0].train.inputs)
    assert not np.array_equal(one.instances[1].train.inputs, other.instances[1].train.inputs)


def test_the_public_instance_needs_no_secret(tmp_path: Path) -> None:
    instance = task.public(rubric(), Path("unused"), tmp_path)
    assert instance.hidden is None
    assert instance.name == "public"
    assert not (tmp_path / "secret").exists()
    assert not (tmp_path / "hidden").exists()
    loaded = load(tmp_path, hidden=0).instances[0]
    assert np.array_equal(loaded.validation.targets, instance.validation.targets)
    assert all(np.array_equal(loaded.model[name], instance.model[name]) for name in PARAMETER_SHAPES)
    assert loaded.digest != instance.digest


def test_the_public_instance_works_where_home_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where a folder is wanted")
    assert task.public(rubric(), Path("unused"), tmp_path / "home").train.inputs.shape == (16_000, 128)


def test_another_public_seed_is_trained_once(tmp_path: Path, untrained: list[int]) -> None:
    first = task.public(rubric(seed=12), Path("unused"), tmp_path)
    assert task.public(rubric(seed=12), Path("unused"), tmp_path).digest == first.digest
    assert load(tmp_path, hidden=0, seed=12).instances[0].model["layers.2.bias"].shape == (10,)
    assert untrained == [12]


def test_a_damaged_installation_is_the_graders_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "reference_folder", lambda: tmp_path)
    with pytest.raises(GraderError, match=r"installation is damaged: .*model\.safetensors: no such file"):
        task.public(rubric(), Path("unused"), tmp_path)


def test_the_same_secret_gives_the_same_task_elsewhere_and_shows_in_no_name(tmp_path: Path, untrained: list[int]) -> None:
    one = load(tmp_path / "one")
    secret = (tmp_path / "one" / "secret").read_text().strip()
    assert secret not in repr([one.digest, *sorted((tmp_path / "one").rglob("*"))])
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "secret").write_text(secret)
    assert load(tmp_path / "two").digest == one.digest
    assert untrained[0] == untrained[1]


# The secret


@pytest.mark.usefixtures("loose_umask", "untrained")
def test_secret_and_hidden_data_are_closed_to_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    load(home)
    assert len(bytes.fromhex((home / "secret").read_text())) == 32
    assert mode(home) == mode(home / "hidden") == 0o700
    assert {mode(path) for path in [home / "secret", *(home / "hidden").iterdir()]} == {0o600}


def test_a_secret_that_others_could_read_is_closed(tmp_path: Path) -> None:
    load(tmp_path, hidden=0)
    for path in (tmp_path, tmp_path / "hidden"):
        path.chmod(0o755)
    (tmp_path / "secret").chmod(0o644)
    load(tmp_path, hidden=0)
    assert mode(tmp_path) == mode(tmp_path / "hidden") == 0o700
    assert mode(tmp_path / "secret") == 0o600


def test_a_home_that_cannot_be_closed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "fchmod", lambda descriptor, wanted: None)
    with pytest.raises(UsageError, match=r"open to other users \(mode 755\) and can't be closed to 700"):
        load(tmp_path, hidden=0)


def test_a_home_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(UsageError, match=r"belongs to user \d+, expected user \d+"):
        load(tmp_path, hidden=0)


@pytest.mark.parametrize("content", ["", "abc", "g" * 64, "0" * 62, "0" * 66, "0" * 32 + "\n" + "0" * 32])
def test_a_damaged_secret_is_refused_and_never_replaced(tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    (tmp_path / "secret").write_text(content)
    with pytest.raises(UsageError, match="expected 64 hexadecimal digits"):
        load(tmp_path, hidden=0)
    assert (tmp_path / "secret").read_text() == content


def test_a_secret_that_is_not_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("0" * 64)
    (tmp_path / "secret").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="secret: can't be read"):
        load(tmp_path, hidden=0)


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(UsageError, match="home: can't be used as the grader's private folder: a file is in the way"):
        load(tmp_path / "home", hidden=0)


def test_graders_that_start_at_once_share_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(task._open_secret, [tmp_path] * 8))) == 1


# The cache


def test_what_is_deleted_is_rebuilt_with_the_same_bytes(tmp_path: Path, untrained: list[int]) -> None:
    digest = load(tmp_path).digest
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")}
    assert len(before) == 3
    for path in before:
        path.unlink()
    assert load(tmp_path).digest == digest
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")} == before
    assert len(untrained) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "huge header", "not a file"])
def test_a_corrupt_cache_is_rebuilt(tmp_path: Path, damage: str, untrained: list[int]) -> None:
    digest = load(tmp_path).digest
    (path,) = (tmp_path / "hidden").glob("hidden-1-*")
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    bad = {"cut": good[:-4], "flipped": bytes(flipped), "empty": b"", "huge header": b"\xff" * 8 + good[8:], "not a file": b""}
    path.write_bytes(bad[damage])
    if damage == "not a file":
        path.unlink()
        path.symlink_to(tmp_path / "nowhere")
    assert load(tmp_path).digest == digest
    assert path.read_bytes() == good
    assert len(untrained) == 2


def test_an_entry_with_other_arrays_is_rebuilt(tmp_path: Path, untrained: list[int]) -> None:
    digest = load(tmp_path).digest
    (path,) = (tmp_path / "hidden").glob("hidden-1-*")
    path.write_bytes(safetensors.numpy.save({"train.X": np.zeros((2, 128), np.float32)}))
    assert load(tmp_path).digest == digest
    assert len(untrained) == 2


@pytest.mark.usefixtures("untrained")
def test_graders_that_build_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        assert len({built.digest for built in pool.map(load, [tmp_path] * 3)}) == 1
    assert len(list((tmp_path / "hidden").iterdir())) == 2, "a temporary file was left"


@pytest.mark.usefixtures("untrained")
def test_a_cache_that_cannot_be_written_is_the_graders_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(GraderError, match=r"safetensors: can't be written: no space left on device; make room"):
        load(tmp_path)
    assert not list(tmp_path.rglob("*.part")), "a temporary file was left"


# Own data


N = 20


@pytest.fixture
def own(tmp_path: Path) -> tuple[Rubric, Path]:
    """A rubric with own data, and the folder of its four files."""
    for part in ("train", "validation"):
        np.savez(tmp_path / f"{part}.npz", **good_split())
    safetensors.numpy.save_file(good_split(), tmp_path / "hidden.safetensors")
    np.savez(tmp_path / "model.npz", **good_model())
    files = {"train": "train.npz", "validation": "validation.npz", "hidden": "hidden.safetensors", "model": "model.npz"}
    return parse({"task": {"files": files}, "instances": {"hidden": 0}}, "rubric.yaml"), tmp_path


def good_split() -> Arrays:
    draw = np.random.default_rng(0)
    return {"X": draw.standard_normal((N, 128)), "Y": draw.standard_normal((N, 10)).astype(np.float32)}


def good_model() -> Arrays:
    return {name: np.full(shape, 0.5, np.float32) for name, shape in PARAMETER_SHAPES.items()}


def test_own_data_is_one_instance_without_a_secret(own: tuple[Rubric, Path], tmp_path: Path) -> None:
    built = task.load(*own, tmp_path / "home")
    (instance,) = built.instances
    assert instance.name == "public"
    assert instance.hidden is not None
    np.testing.assert_array_equal(instance.train.inputs, good_split()["X"].astype(np.float32))
    np.testing.assert_array_equal(instance.hidden.targets, good_split()["Y"])
    assert {array.dtype for array in instance.model.values()} == {np.dtype(np.float32)}
    assert not (tmp_path / "home").exists()


def test_a_student_needs_no_hidden_file(own: tuple[Rubric, Path], tmp_path: Path) -> None:
    (tmp_path / "hidden.safetensors").unlink()
    assert task.public(*own, tmp_path / "home").hidden is None
    with pytest.raises(UsageError, match=r"hidden\.safetensors: no such file"):
        task.load(*own, tmp_path / "home")


def test_own_datas_digest_follows_its_content(own: tuple[Rubric, Path], tmp_path: Path) -> None:
    before = task.load(*own, tmp_path).digest
    assert task.load(*own, tmp_path).digest == before
    np.savez(tmp_path / "train.npz", **good_split() | {"X": good_split()["X"][::-1]})
    assert task.load(*own, tmp_path).digest != before


def test_own_data_may_be_in_another_byte_order_or_layout(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", X=np.asfortranarray(good_split()["X"]), Y=good_split()["Y"].astype(">f4"))
    inputs, targets = owndata.read_split(tmp_path / "data.npz")
    np.testing.assert_array_equal(inputs, good_split()["X"].astype(np.float32))
    np.testing.assert_array_equal(targets, good_split()["Y"])
    assert inputs.flags.c_contiguous
    assert targets.dtype == np.dtype(np.float32)


BAD_SPLITS: dict[str, tuple[Arrays, str]] = {
    "missing array": (
        {"X": np.zeros((3, 128)), "y": np.zeros((3, 10))},
        r"there is no array 'Y', expected X, Y; found 'X', 'y'$",
    ),
    "nothing": ({}, "there is no array 'X', expected X, Y; found none"),
    "inputs too narrow": (good_split() | {"X": np.zeros((N, 64))}, r"X has shape \(20, 64\), expected \(n, 128\)"),
    "targets too flat": (good_split() | {"Y": np.zeros(N)}, r"Y has shape \(20,\), expected \(n, 10\)"),
    "a single number": (good_split() | {"Y": np.float64(1)}, r"Y has shape \(\), expected \(n, 10\)"),
    "whole numbers": (good_split() | {"X": np.zeros((N, 128), int)}, "X has dtype int64, expected float32 or float64"),
    "half precision": (good_split() | {"X": np.zeros((N, 128), np.float16)}, "X has dtype float16, expected float32 or float64"),
    "NaN": (good_split() | {"X": np.full((N, 128), math.nan)}, "X holds 2560 NaN or infinite values, expected finite ones"),
    "infinite": (good_split() | {"Y": np.full((N, 10), -math.inf)}, "Y holds 200 NaN or infinite values"),
    "too large": (good_split() | {"X": np.full((N, 128), -1e39)}, r"X holds -1e\+39, expected .* float32's range"),
    "no rows": ({"X": np.zeros((0, 128)), "Y": np.zeros((0, 10))}, "X is empty, expected at least one row"),
    "unequal": (good_split() | {"Y": np.zeros((N + 1, 10))}, "X has 20 rows and Y has 21, expected equally many"),
}


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
@pytest.mark.parametrize("fault", BAD_SPLITS)
def test_a_fault_in_own_data_is_named(tmp_path: Path, fault: str, suffix: str) -> None:
    arrays, sentence = BAD_SPLITS[fault]
    path = tmp_path / f"data.{suffix}"
    if suffix == "npz":
        np.savez(path, **arrays)
    else:
        safetensors.numpy.save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    if suffix == "safetensors":  # its own words for dtypes; and numpy makes arrays of length 1 out of single numbers
        sentence = sentence.replace("int64", "I64").replace("float16", "F16").replace(r"shape \(\)", r"shape \(1,\)")
    with pytest.raises(UsageError, match=sentence) as caught:
        owndata.read_split(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", PARAMETER_SHAPES)
def test_a_fault_in_an_own_model_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, **{other: array for other, array in good_model().items() if other != name})
    with pytest.raises(UsageError, match=f"there is no array '{name}'"):
        owndata.read_model(path)
    np.savez(path, **good_model() | {name: good_model()[name][..., None]})
    with pytest.raises(UsageError, match=rf"{name} has shape .*, expected \({PARAMETER_SHAPES[name][0]},"):
        owndata.read_model(path)


def write_pickle(path: Path) -> None:
    np.savez(path, X=np.array([{"a": 1}, None], dtype=object), Y=np.zeros((2, 10)))


def write_stray_bytes(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", b"nothing that numpy knows")
        archive.writestr("Y.npy", b"")


def write_cut_archive(path: Path) -> None:
    np.savez(path, **good_split())
    path.write_bytes(path.read_bytes()[:-100])


def write_wrong_checksum(path: Path) -> None:
    np.savez(path, **good_split())
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)


def write_bomb(path: Path) -> None:
    np.savez_compressed(path, **good_split())
    with zipfile.ZipFile(path, "a") as archive:
        member = archive.getinfo("X.npy")
        member.file_size = 5 << 30  # only the directory says so
        archive._didModify = True  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda path: None, r"no such file; expected the arrays X, Y in it"),
        (
            lambda path: path.write_bytes(b"not an archive"),
            r"not a readable \.npz archive, expected a file written by numpy\.savez",
        ),
        (lambda path: path.write_bytes(b""), r"not a readable \.npz archive"),
        (lambda path: path.mkdir(), "can't be read: Is a directory"),
        (write_pickle, "X can't be read: it holds pickled Python objects, expected an array of float32 or float64"),
        (write_stray_bytes, "X can't be read: its bytes are not a numpy array, expected"),
        (write_cut_archive, r"not a readable \.npz archive"),
        (write_wrong_checksum, r"not a readable \.npz archive"),
        (write_bomb, r"X unpacks to 5368709120 bytes, expected at most 4294967296"),
    ],
    ids=["missing", "text", "empty", "folder", "pickle", "stray bytes", "cut", "checksum", "bomb"],
)
def test_an_unreadable_archive_is_named(tmp_path: Path, write: Any, sentence: str) -> None:
    path = tmp_path / "data.npz"
    write(path)
    with pytest.raises(UsageError, match=sentence) as caught:
        owndata.read_split(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\x02\0\0\0\0\0\0\0{}"[:-1]])
def test_an_unreadable_safetensors_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.safetensors"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"data\.safetensors: not a readable \.safetensors file"):
        owndata.read_split(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"data\.pt: expected a file that ends in \.npz or \.safetensors"):
        owndata.read_split(tmp_path / "data.pt")
