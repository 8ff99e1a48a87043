"""The evaluator in a process of its own, on this machine's processor: real processes, real kills, the formula's figures."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, rubric_file, run_program
from test_evaluate import INPUTS, KINDS, TARGETS, dense_error, drawn, linear_bridge, packed, with_zeros

from grader import batch, cards, device, doctor, evaluating, opening, sandbox, seats, stacked, task
from grader.cards import Card
from grader.device import ATTEMPTS, DeviceEvaluator, Place, Uploaded
from grader.errors import GraderError, NoGpuError, UsageError
from grader.evaluate import Evaluator
from grader.records import Graded, Measurement, Upload
from grader.rubric import InstancesSection, Rubric
from grader.sharing import Sharing
from grader.weights import Weights, admit

HERE = Place("cpu", "cpu")
BROKEN = Place("a broken device", "meta")
STACK = stacked.Stack(torch.device("cpu"))
PRUNES = """def prune(model):
    for parameter in model.parameters():
        cut = parameter.detach().abs().flatten().quantile({rate})
        parameter.data[parameter.abs() <= cut] = 0
"""
TWO = (
    Card(0, "GPU-aa11", "One", "/dev/nvidia0", "0000:01:00.0", 80 << 30),
    Card(1, "GPU-aa22", "Two", "/dev/nvidia1", "", 8 << 30),
)


@pytest.fixture(scope="module")
def samples() -> stacked.Samples:
    return stacked.Samples(INPUTS, TARGETS, torch.device("cpu"))


@pytest.fixture
def evaluator() -> Iterator[DeviceEvaluator]:
    opened = DeviceEvaluator([HERE, HERE], name="cpu", shared=False)
    yield opened
    opened.close()


@pytest.fixture
def uploaded(evaluator: DeviceEvaluator) -> Uploaded:
    return evaluator.upload(INPUTS, TARGETS)


def rows(*models: dict[str, np.ndarray]) -> np.ndarray:
    return np.stack([np.frombuffer(bytearray(packed(one)), dtype="<f4") for one in models])


def some(count: int) -> list[Weights]:
    kinds: list[Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]] = [dict, with_zeros, linear_bridge]
    return [admit(packed(kinds[place % 3](drawn()))) for place in range(count)]


# --- the stacked formula ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_has_the_error_of_the_dense_formula(kind: str, samples: stacked.Samples) -> None:
    arrays = KINDS[kind](drawn())
    found = STACK.squared_error(rows(arrays), samples) / len(samples)
    np.testing.assert_allclose(found[0], dense_error(arrays), rtol=1e-9)


def test_a_models_bits_do_not_depend_on_its_company(samples: stacked.Samples) -> None:
    models = rows(*(with_zeros(drawn()) for _ in range(stacked.STACK + 3)))
    together = STACK.squared_error(models, samples)
    for place in (0, 1, stacked.STACK - 1, stacked.STACK + 2):
        assert (STACK.squared_error(models[place : place + 1], samples)[0] == together[place]).all()


def test_what_was_uploaded_can_be_overwritten() -> None:
    held = stacked.Samples(INPUTS, TARGETS, torch.device("cpu"))
    held.overwrite()
    assert not held.inputs.any() and not held.targets.any()


def test_the_proof_of_a_device_holds_here() -> None:
    found = evaluating.proof(torch.device("cpu"))
    assert found["holds"] and found["flops"] > 1e8 and found["difference"] < 1e-12


# --- the process ------------------------------------------------------------------------------------------------------


def test_both_evaluators_measure_alike(evaluator: DeviceEvaluator, uploaded: Uploaded) -> None:
    here = Evaluator()
    split = here.upload(INPUTS, TARGETS)
    models = some(9)
    with ThreadPoolExecutor(9) as threads:
        measured = list(threads.map(lambda weights: evaluator.measure(weights, uploaded), models))
    for weights, found in zip(models, measured, strict=True):
        expected = here.measure(weights, split)
        np.testing.assert_allclose(found.mse_per_output, expected.mse_per_output, rtol=1e-9)
        assert (found.zeros, found.layers, found.weights_sha256) == (expected.zeros, expected.layers, expected.weights_sha256)


def test_a_process_that_is_lost_costs_nobody_anything(evaluator: DeviceEvaluator, uploaded: Uploaded) -> None:
    models = some(12)
    expected = [evaluator.measure(weights, uploaded) for weights in models]
    for _ in range(2):
        with ThreadPoolExecutor(4) as threads:
            found = [threads.submit(evaluator.measure, weights, uploaded) for weights in models]
            os.kill(evaluator._process._process.pid, signal.SIGKILL)
            assert [one.result(timeout=60) for one in found] == expected
    assert evaluator.remarks == ()


def test_a_device_that_always_fails_is_told_after_some_attempts() -> None:
    broken = DeviceEvaluator([BROKEN], name="meta", shared=False)
    try:
        with pytest.raises(GraderError, match=rf"^the evaluator failed {ATTEMPTS} times: a broken device: \w+Error: "):
            broken.measure(some(1)[0], broken.upload(INPUTS, TARGETS))
    finally:
        broken.close()


@pytest.mark.long
def test_the_processor_stands_in_for_a_device_that_fails() -> None:
    evaluator = DeviceEvaluator([BROKEN, Place.processor()], name="meta", shared=False)
    here, weights = Evaluator(), some(1)[0]
    try:
        split = evaluator.upload(INPUTS, TARGETS)
        assert evaluator.remarks == ()
        for _ in range(2):
            found = evaluator.measure(weights, split)
            assert found.mse == pytest.approx(here.measure(weights, here.upload(INPUTS, TARGETS)).mse, rel=1e-9)
            (remark,) = evaluator.remarks
            assert remark.startswith("measured on the processor, which gives the same points: a broken device: ")
    finally:
        evaluator.close()


@pytest.mark.long
def test_who_prepares_runs_may_fail_and_the_next_turn_is_luckier() -> None:
    evaluator = DeviceEvaluator([HERE], name="cpu", shared=True)
    split, weights = evaluator.upload(INPUTS, TARGETS), some(1)[0]
    fails = iter([OSError("no more descriptors")])
    evaluator.vacates_by(partial(raise_next, fails))
    try:
        with pytest.raises(GraderError, match="no more descriptors"):
            evaluator.measure(weights, split)
        assert evaluator.measure(weights, split).mse > 0
    finally:
        evaluator.close()


def raise_next(errors: Iterator[Exception]) -> None:
    if error := next(errors, None):
        raise error


def test_a_split_that_comes_later_needs_no_new_process(evaluator: DeviceEvaluator, uploaded: Uploaded) -> None:
    weights = some(1)[0]
    first, before, faults = evaluator.measure(weights, uploaded), evaluator._process, evaluator.faults
    assert evaluator.measure(weights, evaluator.upload(INPUTS, TARGETS)) == first
    assert evaluator._process is before and evaluator.faults == faults


def test_who_waits_when_it_is_closed_is_told(evaluator: DeviceEvaluator, uploaded: Uploaded) -> None:
    with ThreadPoolExecutor(1) as threads:
        os.kill(evaluator._process._process.pid, signal.SIGSTOP)
        waiting = threads.submit(evaluator.measure, some(1)[0], uploaded)
        time.sleep(0.2)
        evaluator.close()
        with pytest.raises(GraderError, match="closed|failed"):
            waiting.result(timeout=30)
    with pytest.raises(GraderError, match="closed"):
        evaluator.measure(some(1)[0], uploaded)


# --- one GPU for runs and evaluation ----------------------------------------------------------------------------------


@pytest.mark.long
def test_hidden_data_are_there_only_while_no_run_is() -> None:
    events: list[str] = []
    evaluator = DeviceEvaluator([HERE], name="cpu", shared=True)
    evaluator.vacates_by(lambda: events.append("vacated"))
    split = evaluator.upload(INPUTS, TARGETS)
    turn = evaluator.turn(2)
    evaluate = evaluator._answer_all

    def noted() -> None:
        events.append("evaluating")
        evaluate()
        events.append("evaluated")

    evaluator._answer_all = noted  # type: ignore[method-assign]

    def grade(weights: Weights) -> None:
        with turn:
            events.append("run begins")
            time.sleep(0.01)
            events.append("run ends")
        evaluator.measure(weights, split)

    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(grade, some(20)))
    finally:
        evaluator.close()
    running = 0
    for place, event in enumerate(events):
        running += {"run begins": 1, "run ends": -1}.get(event, 0)
        assert running <= 2
        if event == "evaluating":
            assert running == 0 and events[place - 1] == "vacated" and events[place + 1] == "evaluated"
    assert events.count("run ends") == 20 and events.count("evaluating") <= 8


def test_a_process_ends_with_its_turn() -> None:
    evaluator = DeviceEvaluator([HERE], name="cpu", shared=True)
    try:
        split = evaluator.upload(INPUTS, TARGETS)
        first = evaluator._process
        evaluator.measure(some(1)[0], split)
        with evaluator.turn(1):  # the next run's
            assert first._process.poll() == 0  # by itself, so it has overwritten what it had
            assert not evaluator._opened
    finally:
        evaluator.close()


def test_a_turn_is_refused_once_it_is_closed() -> None:
    sharing = Sharing()
    sharing.limit(1)
    with ThreadPoolExecutor(1) as threads, sharing:
        waiting = threads.submit(sharing.__enter__)
        sharing.close()
        with pytest.raises(GraderError, match="closed"):
            waiting.result(timeout=10)


@pytest.mark.long
def test_a_batch_that_is_measured_elsewhere_has_the_same_table(home: Path, tmp_path: Path) -> None:
    """Runs and evaluation in turns as on one GPU, and the evaluator's process killed now and then."""
    rules = Rubric(instances=InstancesSection(hidden=0))
    (instance,) = task.load(rules, ROOT, home).instances
    assert instance.hidden
    uploads = []
    for place in range(8):
        path = tmp_path / f"s{place}.py"
        path.write_text(PRUNES.format(rate=0.5 + place / 20))
        uploads.append(Upload(path.stem, path.name, str(path), path))
    with opening.open_bench(rules, [instance], isolation="strict", device="cpu", forbidden=()) as here:
        expected = measured(batch.grade_all(uploads, here, workers=2, fresh=True))
        evaluator = DeviceEvaluator([HERE, HERE], name="cpu", shared=True)
        evaluator.vacates_by(here.sandbox.vacate)
        samples = evaluator.upload(instance.hidden.inputs, instance.hidden.targets)
        there = replace(here, evaluator=evaluator, stations={"public": replace(here.stations["public"], samples=samples)})
        stop = threading.Event()

        def kill() -> None:
            for _ in range(2):
                if not stop.wait(4):
                    with suppress(ProcessLookupError):
                        os.kill(evaluator._process._process.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            found = measured(batch.grade_all(uploads, there, workers=2, fresh=True))
        finally:
            stop.set()
            killer.join()
            evaluator.close()
    assert found.keys() == expected.keys()
    for student, one in found.items():
        assert (one.weights_sha256, one.zeros) == (expected[student].weights_sha256, expected[student].zeros)
        assert one.mse == pytest.approx(expected[student].mse, rel=1e-9)


def measured(graded: Iterable[Graded]) -> dict[str, Measurement]:
    found = {one.upload.student: one.outcomes[0].measurement for one in graded}
    assert None not in found.values()
    return {student: one for student, one in found.items() if one}


# --- which devices ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:0,", "cuda:0;1", "mps", "meta", "cpu:1", "cuda:1;rm"]
)
def test_an_unknown_device_is_refused_in_one_short_sentence(name: str) -> None:
    with pytest.raises(UsageError, match="expected auto, cpu, cuda or cuda:N,M$") as refused:
        device.find(name)
    assert len(str(refused.value)) < 100


@pytest.mark.skipif(bool(cards.found()), reason="this machine has a GPU")
@pytest.mark.parametrize("name", ["cuda", "cuda:3", "cuda:0,1"])
def test_a_gpu_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=rf"^the device is '{name}', but (torch .* is built without CUDA|this machine shows no)"):
        device.find(name)


@pytest.mark.skipif(bool(cards.found()), reason="this machine has a GPU")
def test_auto_and_cpu_need_none() -> None:
    assert device.find("auto") == device.find("cpu") == ()
    assert cards.why_none()


def test_gpus_are_named_in_the_order_that_is_asked_for() -> None:
    assert cards.named("cuda", TWO) == TWO[:1]
    assert cards.named("cuda:1,0", TWO) == TWO[::-1]
    with pytest.raises(UsageError, match=r"cuda:2 is not among the GPUs of this machine: cuda:0 \(One\), cuda:1 \(Two\)$"):
        cards.named("cuda:0,2", TWO)
    with pytest.raises(UsageError, match="names a GPU twice"):
        cards.named("cuda:1,1", TWO)


@pytest.mark.parametrize(("names", "expected"), [
    (None, ["One", "Two"]), ("", []), ("-1", []), ("1", ["Two"]), ("1,0", ["Two", "One"]), ("1,7,0", ["Two"]),
    ("GPU-aa2", ["Two"]), ("GPU-aa11,1", ["One", "Two"]), ("MIG-aa11", []),
])  # fmt: skip
def test_cuda_visible_devices_is_read_as_cuda_reads_it(names: str | None, expected: list[str]) -> None:
    found = cards._visible(TWO, names)
    assert [card.name for card in found] == expected
    assert [card.place for card in found] == list(range(len(found)))


def test_the_drivers_folder_is_where_its_library_was_loaded_from(tmp_path: Path) -> None:
    """As after ld.so.conf has named one that no program would search otherwise. Any library can stand in for NVML."""
    import _ctypes

    for name in ("libnvidia-ml.so.1", "libcuda.so.1", "libnvidia-ptxjitcompiler.so.1"):
        shutil.copy(_ctypes.__file__, tmp_path / name)
    (tmp_path / "libnvidia-ptxjitcompiler.so.590").symlink_to("libnvidia-ptxjitcompiler.so.1")
    code = f"import ctypes; ctypes.CDLL({str(tmp_path / 'libnvidia-ml.so.1')!r}); from grader import cards; "
    code += "print(cards.driver_folders()[-1]); print(len(cards.libraries()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [str(tmp_path), "3"], done.stderr


def test_a_device_file_that_runs_may_not_open_is_named(tmp_path: Path) -> None:
    node = tmp_path / "nvidia0"
    node.touch()
    node.chmod(0o666)
    sandbox.must_be_open_to_runs(replace(TWO[0], node=str(node)))
    node.chmod(0o060)
    with pytest.raises(
        NoGpuError, match=r"nvidia0 is not open to the user that a submission runs as; set NVreg_DeviceFileMode=0666"
    ):
        sandbox.must_be_open_to_runs(replace(TWO[0], node=str(node)))


# --- what a run with a GPU gets in its confinement --------------------------------------------------------------------


def in_a_private_root(granted: str) -> dict[str, str]:
    other = next(path for path in ("/dev/fuse", "/dev/net/tun", "/dev/ptmx") if openable(path))
    script = Path(__file__).with_name("gpu_root.py")
    done = subprocess.run([sys.executable, script, "/dev/zero", other, granted], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def openable(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDWR))
    except OSError:
        return False
    return True


def test_a_run_reaches_its_own_gpu_and_no_other() -> None:
    assert in_a_private_root("with") == {
        "open the given one": "works",
        "control the given one": os.strerror(errno.ENOTTY),  # the device's own answer
        "open the other": os.strerror(errno.ENOENT),
        "name a thread": "works",
        "an anonymous file": "works",
        "read the system's nodes": "works",
        "list /sys": os.strerror(errno.EACCES),
        "list /dev": os.strerror(errno.EACCES),
    }


def test_a_run_without_a_gpu_reaches_none_of_that() -> None:
    assert in_a_private_root("without") == {
        "open the given one": os.strerror(errno.ENOENT),
        "control the given one": os.strerror(errno.ENOENT),
        "open the other": os.strerror(errno.ENOENT),
        "name a thread": os.strerror(errno.EACCES),
        "an anonymous file": os.strerror(errno.EPERM),
        "read the system's nodes": os.strerror(errno.ENOENT),
        "list /sys": os.strerror(errno.EACCES),
        "list /dev": os.strerror(errno.EACCES),
    }


def test_what_a_confinement_refuses_is_named() -> None:
    """As in_a_private_root does it, watched from outside."""
    command = [sys.executable, Path(__file__).with_name("gpu_root.py"), "/dev/zero", "/dev/ptmx", "without"]
    watched = [sys.executable, Path(__file__).with_name("refused.py"), *command]
    done = subprocess.run(watched, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    refused = done.stderr.splitlines()
    assert {"openat('/dev/ptmx') = ENOENT", "openat('/sys') = EACCES"} <= set(refused)
    assert any(line.startswith("memfd_create(") and line.endswith(" = EPERM") for line in refused)


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user can mount nothing on /proc; CI runs this as root")
def test_what_covers_a_part_of_proc_is_named_and_taken_away_by_root(tmp_path: Path, home: Path) -> None:
    """As a container has it that was given a GPU."""
    covered = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc/fs && exec "$@"', "sh"]
    command = [sys.executable, Path(__file__).with_name("gpu_root.py"), "/dev/zero", "/dev/ptmx", "without"]
    bare = subprocess.run([*covered, *command], capture_output=True, text=True, timeout=120)
    assert "the kernel gives no new /proc while something is mounted on /proc/fs" in bare.stderr
    path = tmp_path / "prune.py"
    path.write_text("def prune(model):\n    model.layers[0].weight.data.zero_()\n")
    options = ("--rubric", rubric_file(tmp_path), "--isolation", "strict", "--json")
    done = run_program("check", path, *options, home=home, before=covered)
    assert json.loads(done.stdout)["isolation"] == "L3", done.stderr
    assert "namespaces" not in done.stdout


@pytest.mark.long
@pytest.mark.skipif(bool(torch.version.cuda), reason="torch is built with CUDA")
def test_a_gpu_that_does_not_start_in_the_confinement_is_said_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here because this torch has no CUDA."""
    monkeypatch.setattr(seats.Look, "used_bytes", lambda own, card: 0)
    monkeypatch.setattr(opening, "find_cards", lambda device: TWO[:1])
    instance = task.public(Rubric(), ROOT, home)
    benches = opening.open_bench(Rubric(), [instance], isolation="strict", device="cuda", forbidden=())
    with pytest.raises(UsageError) as refused, benches:
        pass
    with opening.open_bench(Rubric(), [instance], isolation="best", device="cuda", forbidden=()) as bench:
        assert bench.sandbox.kind == "cpu" and bench.environment["runs_on"] == "cpu"
        assert bench.why_no_gpu in str(refused.value)
        monkeypatch.setattr(doctor, "LAYERS", ("namespaces", "landlock"))  # others take their time
        assert doctor.obstacles(Rubric(), TWO[:1]) == []  # it is not Landlock's fault
    assert "a submission can't use the GPU in its confinement: AssertionError: Torch not compiled with CUDA" in str(refused.value)
    assert "set allow.gpu: false in rubric.yaml, or use --device cpu; nothing was run" in str(refused.value)
