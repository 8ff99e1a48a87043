"""What submissions import: the model, the loaders and the evaluation functions, by the names that students know."""

import inspect
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import grader
from grader import formulas
from grader.inside import assignment

PACKAGE = Path(grader.__file__).parent
N_TRAIN, N_VALIDATION = 1000, 300


def split(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.standard_normal((n, 128), dtype=np.float32), draw.standard_normal((n, 10), dtype=np.float32)


@pytest.fixture
def nothing_installed() -> Iterator[None]:
    before = dict(assignment._datasets), dict(assignment._scoring), assignment.device
    assignment._datasets.clear()
    assignment._scoring.clear()
    yield
    assignment._datasets.clear()
    assignment._datasets.update(before[0])
    assignment._scoring.clear()
    assignment._scoring.update(before[1])
    assignment.device = before[2]


@pytest.fixture
def train(nothing_installed: None) -> tuple[np.ndarray, np.ndarray]:
    arrays = split(N_TRAIN, 1)
    assignment._install(*arrays, *split(N_VALIDATION, 2), torch.device("cpu"), {})
    return arrays


def run_python(code: str) -> str:
    """Runs code as a submission would be: the folder of ``assignment`` on the path, warnings are errors."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(PACKAGE / "inside"), str(PACKAGE.parent)])}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=120).stdout


INSTALL = """
import numpy as np, os, torch, assignment
x, y = np.ones((300, 128), np.float32), np.ones((300, 10), np.float32)
assignment._install(x, y, x, y, torch.device("cpu"), {})
"""


# Names


def test_a_star_import_gives_every_name() -> None:
    code = "from assignment import *\nprint(len(next(iter(data_loader))), device, len(validation_loader(100)), MLP().training)"
    assert run_python(INSTALL + code).split() == ["2", "cpu", "3", "True"]


def test_names_imported_before_the_data_came_find_it_later() -> None:
    assert run_python("from assignment import data_loader\n" + INSTALL + "print(len(data_loader))").strip() == "3"


def test_importing_and_installing_computes_nothing_so_that_a_fork_can_compute() -> None:
    """A parent that ran one parallel operation leaves every forked child hanging in its first one."""
    code = """
if os.fork() == 0:
    torch.set_num_threads(2)
    (torch.ones(2000, 2000) @ torch.ones(2000, 2000)).exp().sum()
    for inputs, targets in assignment.train_loader(): pass
    os._exit(7)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert run_python(INSTALL + code).strip() == "7"


def test_all_lists_what_the_contract_names() -> None:
    names = {"MLP", "train_loader", "validation_loader", "data_loader", "device"}
    assert set(assignment.__all__) == names | {"get_sparsity", "compute_error", "score", "points"}


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize("use", [len, iter, lambda loader: loader.dataset])
def test_loaders_without_data_say_how_to_get_it(use: object) -> None:
    for loader in (assignment.data_loader, assignment.train_loader(), assignment.validation_loader()):
        with pytest.raises(RuntimeError, match=r"no data here.*grade\.py check"):
            list(use(loader) or ())  # type: ignore[operator]


# The model


def test_the_model_is_the_assignments() -> None:
    model = assignment.MLP()
    assert [type(layer).__name__ for layer in model.layers] == ["Linear", "Sigmoid", "Linear"]
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == formulas.PARAMETER_SHAPES
    assert not list(inspect.signature(assignment.MLP).parameters)


def test_the_model_flattens_its_inputs() -> None:
    model, inputs = assignment.MLP(), torch.randn(5, 8, 16)
    assert torch.equal(model(inputs), model(inputs.reshape(5, 128)))


def test_loss_is_the_mean_squared_error() -> None:
    model, outputs, targets = assignment.MLP(), torch.randn(4, 10), torch.randn(4, 10)
    squares = (outputs - targets) ** 2
    torch.testing.assert_close(model.loss(outputs, targets), squares.mean())
    torch.testing.assert_close(model.loss(outputs, targets, reduction="sum"), squares.sum())
    torch.testing.assert_close(model.loss(outputs, targets, "none"), squares)


# The loaders


def test_a_training_epoch_serves_every_sample_once(train: tuple[np.ndarray, np.ndarray]) -> None:
    loader = assignment.train_loader(batch_size=300)
    batches = list(loader)
    assert [len(inputs) for inputs, _ in batches] == [300, 300, 300, 100]
    assert len(loader) == 4
    served = np.concatenate([np.hstack([inputs, targets]) for inputs, targets in batches])
    expected = np.hstack(train)
    np.testing.assert_array_equal(served[np.argsort(served[:, 0])], expected[np.argsort(expected[:, 0])])


@pytest.mark.usefixtures("train")
def test_training_order_changes_every_epoch_and_is_the_same_for_every_loader() -> None:
    one, other = assignment.train_loader(), assignment.train_loader()
    first, second = next(iter(one))[0], next(iter(one))[0]
    assert not torch.equal(first, second)
    assert torch.equal(first, next(iter(other))[0])
    assert torch.equal(second, next(iter(other))[0])


@pytest.mark.usefixtures("train")
def test_loaders_leave_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    for _ in assignment.train_loader():
        pass
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.usefixtures("train")
def test_validation_is_served_in_order() -> None:
    inputs, targets = (torch.cat(part) for part in zip(*assignment.validation_loader(64), strict=True))
    np.testing.assert_array_equal(inputs, split(N_VALIDATION, 2)[0])
    np.testing.assert_array_equal(targets, split(N_VALIDATION, 2)[1])


@pytest.mark.usefixtures("train")
@pytest.mark.parametrize("make", [assignment.train_loader, assignment.validation_loader])
def test_changing_a_batch_in_place_leaves_the_data_alone(make: type) -> None:
    loader = make()
    before = [tensor.clone() for tensor in loader.dataset.tensors]
    for inputs, targets in loader:
        inputs.zero_()
        targets.zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, loader.dataset.tensors, strict=True))


def test_the_tensors_share_memory_with_the_arrays(train: tuple[np.ndarray, np.ndarray]) -> None:
    assert [t.data_ptr() for t in assignment.data_loader.dataset.tensors] == [a.ctypes.data for a in train]


@pytest.mark.usefixtures("train")
def test_torchs_own_loader_takes_the_dataset() -> None:
    dataset = assignment.data_loader.dataset
    assert isinstance(dataset, TensorDataset)
    assert len(dataset) == N_TRAIN
    inputs, targets = next(iter(DataLoader(dataset, batch_size=7, shuffle=True)))
    assert (inputs.shape, targets.shape) == ((7, 128), (7, 10))


@pytest.mark.usefixtures("train")
def test_the_default_batch_has_128_samples() -> None:
    assert assignment.data_loader.batch_size == 128
    assert next(iter(assignment.data_loader))[0].shape == (128, 128)
    assert len(assignment.data_loader) == math.ceil(N_TRAIN / 128)
    assert len(assignment.train_loader(np.int64(10**6))) == 1


@pytest.mark.parametrize("size", [0, -1, True])
def test_a_batch_size_below_one_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"batch_size is {size}, expected a whole number of at least 1"):
        assignment.train_loader(size)


@pytest.mark.parametrize("size", [1.5, "128", None])
def test_a_batch_size_that_is_no_number_is_refused(size: object) -> None:
    with pytest.raises(TypeError, match="expected a whole number"):
        assignment.validation_loader(size)  # type: ignore[arg-type]


@pytest.mark.usefixtures("train")
def test_slicing_is_several_times_faster_than_collating() -> None:
    """In CPU time of this one thread, so that a busy machine does not decide."""

    def fastest(loader: object) -> float:
        times = []
        for _ in range(5):
            start = time.thread_time()
            for _ in loader:  # type: ignore[attr-defined]
                pass
            times.append(time.thread_time() - start)
        return min(times)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        collating = DataLoader(assignment.data_loader.dataset, batch_size=128, shuffle=True)
        assert fastest(collating) > 3 * fastest(assignment.train_loader())
    finally:
        torch.set_num_threads(threads)


# The evaluation functions


def test_the_evaluation_functions_are_the_graders() -> None:
    assert assignment.get_sparsity is formulas.get_sparsity
    assert assignment.compute_error is formulas.compute_error


@pytest.mark.usefixtures("train")
def test_compute_error_takes_the_loader() -> None:
    model = assignment.MLP()
    assert 0 < assignment.compute_error(model, assignment.validation_loader()) < 10


@pytest.mark.usefixtures("nothing_installed")
def test_score_and_points_are_the_assignments_by_default() -> None:
    assert assignment.score(100, 0.99) == pytest.approx(0.841040, abs=1e-6)
    assert assignment.score(100, 0.99, 1.0, 2.0) == pytest.approx(0.9 * 0.99**2)
    assert assignment.score(100, 0.99, mse_weight=1, sparsity_weight=2) == pytest.approx(0.9 * 0.99**2)
    assert assignment.points(0.5) == pytest.approx(0.719653, abs=1e-6)
    np.testing.assert_allclose(assignment.points(np.array([0, 1])), [0, 1.5])


@pytest.mark.usefixtures("nothing_installed")
def test_score_and_points_follow_the_rubric() -> None:
    scoring = {"mse_cap": 500.0, "mse_exponent": 1.0, "sparsity_exponent": 2.0, "lower": 0.0, "upper": 1.0, "max": 10.0}
    assignment._install(*split(5, 1), *split(5, 2), torch.device("cpu"), scoring)
    assert assignment.score(250, 0.5) == pytest.approx(0.5 * 0.25)
    assert assignment.points(0.5) == pytest.approx(5)
