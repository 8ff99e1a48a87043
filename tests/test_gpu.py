"""On a real GPU: runs, evaluation, and what neither may do to the other. Skipped with the reason where there is none."""

from __future__ import annotations

import os
import signal
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, grades_in, rubric_file, run_program
from test_evaluate import INPUTS, KINDS, TARGETS, drawn, packed

from grader import cards, generator, intake, ladder, opening, pipeline, task
from grader.device import DeviceEvaluator, Place
from grader.evaluate import Evaluator
from grader.pipeline import Bench
from grader.records import Outcome, Upload
from grader.rubric import AllowSection, InstancesSection, LimitsSection, Rubric
from grader.seats import MIB
from grader.weights import admit

GPUS = cards.found()
WITHOUT = (
    f"this machine shows no NVIDIA GPU: {cards.why_none()}"
    if not GPUS
    else f"torch {torch.__version__} is built without CUDA"
    if not torch.version.cuda
    else ""
)
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(WITHOUT), reason=WITHOUT)]

GIB = 1 << 30
RULES = Rubric(
    instances=InstancesSection(hidden=0),
    limits=LimitsSection(cpu_seconds=30, wall_seconds=30, gpu_memory_bytes=GIB),
)
CANARY = 12345.6789
ASKED = {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "")}
FAULTS_MADE = 1  # by test_an_evaluator_that_is_lost_is_replaced
HOARDS = """
import time
torch.cuda.set_per_process_memory_fraction(1.0)  # what torch keeps to inside is the submission's to change
hoard = torch.ones(6 << 30, dtype=torch.uint8, device='cuda')
torch.cuda.synchronize()
time.sleep(20)
"""


@pytest.fixture(scope="module")
def instance(home: Path) -> task.Instance:
    return task.load(RULES, ROOT, home).instances[0]


@pytest.fixture(scope="module")
def evaluator() -> Iterator[DeviceEvaluator]:
    opened = DeviceEvaluator([Place.on(GPUS[0])], name=GPUS[0].name, shared=False)
    opened.measure(admit(packed(drawn())), opened.upload(INPUTS, TARGETS))  # what it takes belongs to the benches' baseline
    yield opened
    assert opened.remarks == () and opened.faults == FAULTS_MADE  # a second attempt hides a first one that always fails
    opened.close()


@pytest.fixture(scope="module")
def bench(instance: task.Instance, evaluator: DeviceEvaluator) -> Iterator[Bench]:
    with opening.open_bench(RULES, [instance], isolation="strict", device="cuda", forbidden=()) as opened:
        yield opened


def graded(body: str, bench: Bench, folder: Path) -> Outcome:
    path = folder / "prune.py"
    path.write_text("import torch\ndef prune(model):\n" + textwrap.indent(textwrap.dedent(body).strip() or "pass", "    "))
    return pipeline.grade(Upload("one", path.name, str(path), path), bench).outcomes[0]


# --- the same points everywhere ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_any_weights_have_the_processors_error(kind: str, evaluator: DeviceEvaluator) -> None:
    weights, here = admit(packed(KINDS[kind](drawn()))), Evaluator()
    found = evaluator.measure(weights, evaluator.upload(INPUTS, TARGETS))
    expected = here.measure(weights, here.upload(INPUTS, TARGETS))
    assert (found.zeros, found.layers, found.weights_sha256) == (expected.zeros, expected.layers, expected.weights_sha256)
    np.testing.assert_allclose(found.mse_per_output, expected.mse_per_output, rtol=1e-9)


@pytest.mark.long
def test_the_whole_ladder_has_the_same_points(instance: task.Instance, evaluator: DeviceEvaluator) -> None:
    """And the bridge at eps = 0.0001, where TF32 would cost every point."""
    assert instance.hidden
    here = Evaluator()
    local, there = (one.upload(instance.hidden.inputs, instance.hidden.targets) for one in (here, evaluator))
    settings = [(upload, dict(upload.parameters)) for upload in ladder.ladder()]
    settings.append((ladder.reference_upload(), {"eps": 0.0001}))
    with opening.open_bench(Rubric(), [instance], isolation="strict", device="cpu", forbidden=()) as opened:
        data = opened.stations["public"].data
        for upload, parameters in settings:
            run = opened.sandbox.run(intake.read(upload), data, parameters=parameters)
            assert run.weights, (upload.student, run.failure)
            weights = admit(run.weights)
            one, other = here.measure(weights, local), evaluator.measure(weights, there)
            assert one.zeros == other.zeros and other.mse == pytest.approx(one.mse, rel=1e-9), upload.student


def test_measuring_twice_gives_the_same_bits_alone_and_in_company(evaluator: DeviceEvaluator) -> None:
    split = evaluator.upload(INPUTS, TARGETS)
    models = [admit(packed(drawn())) for _ in range(40)]
    alone = [evaluator.measure(weights, split) for weights in models[:5]]
    with ThreadPoolExecutor(40) as threads:
        assert list(threads.map(lambda weights: evaluator.measure(weights, split), models))[:5] == alone


# --- runs on the GPU --------------------------------------------------------------------------------------------------


def test_a_run_gets_model_and_data_on_its_gpu(bench: Bench, tmp_path: Path) -> None:
    assert bench.sandbox.kind == "cuda" and bench.sandbox.isolation.guards_hidden_data
    outcome = graded(
        """
        from assignment import device, train_loader
        inputs, _ = next(iter(train_loader()))
        assert device.type == inputs.device.type == next(model.parameters()).device.type == "cuda"
        assert torch.cuda.device_count() == 1
        model(inputs)
        model.layers[0].weight.data.zero_()
        """,
        bench,
        tmp_path,
    )
    assert outcome.verdict == "graded", outcome.failure
    assert outcome.measurement and outcome.measurement.layers["layers.0.weight"].zeros == 131_072


def test_no_gpu_is_there_where_the_rubric_forbids_it(instance: task.Instance, tmp_path: Path) -> None:
    rules = RULES.model_copy(update={"allow": AllowSection(gpu=False)})
    with opening.open_bench(rules, [instance], isolation="strict", device="cuda", forbidden=()) as without:
        body = "import os\nassert not torch.cuda.is_available() and not os.path.exists('/dev/nvidiactl')"
        outcome = graded(body, without, tmp_path)
        assert outcome.verdict == "graded", outcome.failure
        assert without.evaluator.kind == "cuda" and without.sandbox.kind == "cpu"


@pytest.mark.parametrize(("body", "verdict", "words"), [
    ("torch.empty(4 << 30, dtype=torch.uint8, device='cuda')", "out_of_memory", "limits.gpu_memory_bytes"),
    (HOARDS, "out_of_memory", "limits.gpu_memory_bytes"),
    ("torch.zeros(3, device='cuda')[torch.tensor([9], device='cuda')].cpu()", "raised", "CUDA"),
    ("torch.cuda._sleep(1 << 37)\ntorch.cuda.synchronize()", "timed_out", "limits."),  # a minute and more
    ("torch.cuda._sleep(1 << 37)\nimport os\nos._exit(0)", "exited", "returned no model"),
    ("import numpy\nmodel.layers[0].weight.detach().numpy()", "raised", "tensor.cpu().numpy() works everywhere"),
])  # fmt: skip
def test_a_fault_ends_its_own_run_alone(body: str, verdict: str, words: str, bench: Bench, tmp_path: Path) -> None:
    outcome = graded(body, bench, tmp_path)
    assert outcome.verdict == verdict and outcome.failure and words in outcome.failure.message, outcome.failure
    after = graded("model.layers[0].weight.data.zero_()", bench, tmp_path)
    assert after.verdict == "graded", after.failure


def test_a_run_sees_no_gpu_but_its_own(bench: Bench, tmp_path: Path) -> None:
    body = """
    import os
    print(sorted(name for name in os.listdir('/proc/self/fd')))
    for number in range(16):
        try:
            os.close(os.open(f'/dev/nvidia{number}', os.O_RDWR)); print('open', number)
        except OSError:
            pass
    """
    outcome = graded(body, bench, tmp_path)
    opened = [line for line in outcome.log.splitlines() if line.startswith("open")]
    assert outcome.verdict == "graded" and opened == [f"open {GPUS[0].node.removeprefix('/dev/nvidia')}"]


def test_the_nursery_has_no_cuda(bench: Bench) -> None:
    pid = bench.sandbox._living()._process.pid  # type: ignore[union-attr]
    assert "libcuda.so" not in Path(f"/proc/{pid}/maps").read_text()
    assert pid not in cards.users(GPUS[0])


# --- nothing is left --------------------------------------------------------------------------------------------------


def test_memory_is_back_before_the_next_run(bench: Bench, tmp_path: Path) -> None:
    bench.sandbox.vacate()
    time.sleep(1)
    before = cards.used_bytes(GPUS[0])
    graded("x = torch.ones(800 << 20, dtype=torch.uint8, device='cuda')\nimport os\nos.kill(os.getpid(), 9)", bench, tmp_path)
    bench.sandbox.vacate()
    with bench.sandbox._seats.one():  # type: ignore[union-attr]
        assert cards.used_bytes(GPUS[0]) <= before + 64 * MIB


def test_hidden_data_are_not_found_by_the_next_run(instance: task.Instance, bench: Bench, tmp_path: Path) -> None:
    """A canary is evaluated in place of hidden data; the next run looks through all memory that it can get."""
    bench.sandbox.vacate()
    room = cards.free_bytes(GPUS[0]) - 3 * GIB
    rules = RULES.model_copy(update={"limits": RULES.limits.model_copy(update={"gpu_memory_bytes": room})})
    evaluator = DeviceEvaluator([Place.on(GPUS[0])], name=GPUS[0].name, shared=True)
    canary = evaluator.upload(np.full((20_000, 128), CANARY, np.float32), np.full((20_000, 10), CANARY, np.float32))
    try:
        evaluator.measure(admit(packed(drawn())), canary)
    finally:
        evaluator.close()
    body = f"""
    wanted = torch.tensor({CANARY}, dtype=torch.float32)
    def count(block):
        return int((block == wanted.double().item()).sum()) + int((block.view(torch.float32) == wanted.item()).sum())
    block = 1 << 25
    held = []
    while torch.cuda.mem_get_info()[0] > 2 << 30:
        held.append(torch.empty(block, dtype=torch.float64, device='cuda'))
    found = sum(map(count, held))
    held[0][7] = wanted.double().item()
    print('found', found, 'of its own', count(held[0]), 'in much', len(held) * block * 8 > {room // 2})
    """
    with opening.open_bench(rules, [instance], isolation="strict", device="cuda", forbidden=()) as whole:
        outcome = graded(body, whole, tmp_path)
    assert outcome.log.strip() == "found 0 of its own 1 in much True", (outcome.failure, outcome.log)


def test_an_evaluator_that_is_lost_is_replaced(evaluator: DeviceEvaluator) -> None:
    split = evaluator.upload(INPUTS, TARGETS)
    weights = admit(packed(drawn()))
    before = evaluator.measure(weights, split)
    os.kill(evaluator._process._process.pid, signal.SIGKILL)
    assert evaluator.measure(weights, split) == before


# --- whole commands ---------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_batch_has_the_points_that_it_has_on_the_processor(tmp_path: Path, home: Path) -> None:
    (tmp_path / "in").mkdir()
    for rate in (0.5, 0.9, 0.99):
        source = f"def prune(model):\n    for p in model.parameters():\n        p.data[p.abs() <= p.abs().quantile({rate})] = 0\n"
        (tmp_path / "in" / f"at{int(100 * rate)}.py").write_text(source)
    points = {}
    for device in ("cpu", "cuda"):
        out = tmp_path / device
        rubric = rubric_file(tmp_path, instances={"hidden": 1})
        done = run_program("batch", tmp_path / "in", "-o", out, "--rubric", rubric, "--device", device, home=home, env=ASKED)
        assert done.returncode == 0, done.stderr
        points[device] = {one["student"]: (one["points"], one["sparsity"]) for one in grades_in(out)["submissions"]}
    assert points["cpu"].keys() == points["cuda"].keys()
    for student, (expected, sparsity) in points["cpu"].items():
        assert points["cuda"][student] == (pytest.approx(expected, rel=1e-9), sparsity)


def test_doctor_proves_the_gpu(tmp_path: Path, home: Path) -> None:
    done = run_program("doctor", "--rubric", rubric_file(tmp_path), home=home, env=ASKED)
    assert done.returncode == 0, done.stderr
    assert "GPU for submissions" not in done.stdout, done.stdout
    assert GPUS[0].name in done.stdout and "computes as the processor does" in done.stdout


def test_training_there_is_repeatable_and_close_to_the_processors(instance: task.Instance) -> None:
    one, other = (
        generator.train_model(task.SHIPPED_SEED, instance.train.inputs, instance.train.targets, device="cuda") for _ in range(2)
    )
    assert all((one[name] == other[name]).all() for name in one)
    here = Evaluator()
    split = here.upload(instance.validation.inputs, instance.validation.targets)
    own, shipped = here.measure(one, split).mse, here.measure(dict(instance.model), split).mse
    assert own == pytest.approx(shipped, rel=0.1)
