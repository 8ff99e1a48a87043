"""Hints for what this machine, this Python or this PyTorch may not let happen; all others have a folder in tests/cases/."""

from __future__ import annotations

import code
import errno
import locale
import sys
from pathlib import Path

import pytest

from grader.inside import failure, hints


def hint_for(error: BaseException, folder: Path) -> str:
    mistake = hints.Mistake(error, failure._text(error), "prune", "", False, folder, ("torch", "scikit-learn"))
    return hints.hint(mistake)


@pytest.mark.parametrize(
    "error",
    [
        AssertionError("Torch not compiled with CUDA enabled"),
        RuntimeError("No CUDA GPUs are available"),
        RuntimeError("Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"),
        RuntimeError("CUDA error: invalid device ordinal"),
        RuntimeError("Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"),
        RuntimeError("Cannot get CUDA generator without ATen_cuda library."),
        TypeError("type torch.cuda.FloatTensor not available. Torch not compiled with CUDA enabled."),
    ],
    ids=str,
)
def test_a_device_that_is_not_there_names_the_one_that_is(error: BaseException, tmp_path: Path) -> None:
    assert "from assignment import device" in hint_for(error, tmp_path)


def test_a_fault_of_a_kernel_sends_to_the_processor(tmp_path: Path) -> None:
    assert "on the CPU the same code stops where it is" in hint_for(
        RuntimeError("CUDA error: device-side assert triggered"), tmp_path
    )


@pytest.mark.parametrize(("error", "limit"), [
    (RuntimeError("CUDA out of memory. Tried to allocate 4.00 GiB."), "limits.gpu_memory_bytes"),
    (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"), "limits.gpu_memory_bytes"),
    (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "limits.gpu_memory_bytes"),
    (RuntimeError('NVML_SUCCESS == r INTERNAL ASSERT FAILED at "CUDACachingAllocator.cpp":1016'), "limits.gpu_memory_bytes"),
    (MemoryError("Unable to allocate 8 GiB"), "limits.memory_bytes"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte"), "limits.memory_bytes"),
], ids=lambda value: str(value)[:30])  # fmt: skip
def test_the_limit_on_memory_is_the_one_that_lacked(error: BaseException, limit: str, tmp_path: Path) -> None:
    record = failure.describe(error, "prune", tmp_path, "prune.py", ())
    assert record["claim"] == "out_of_memory" and limit in record["message"]


def test_a_package_is_named_as_it_is_imported(tmp_path: Path) -> None:
    assert hint_for(ModuleNotFoundError("x", name="scikit_learn"), tmp_path) == "did you mean 'sklearn'?"
    assert "torch, sklearn" in hint_for(ModuleNotFoundError("x", name="seaborn"), tmp_path)


@pytest.mark.parametrize("name", ["pip", "psutil", "timm", "ray", "cupy", "typer", "six", "more_itertools"])
def test_a_package_that_is_not_here_is_not_taken_for_one_of_a_similar_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, name, raising=False)  # a submission's process has none of them
    assert "nothing can be installed" in hint_for(ModuleNotFoundError("x", name=name), tmp_path)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.EROFS, "Read-only file system", "/content"), "only its own folder"),
        (PermissionError(errno.EACCES, "Permission denied", "/content"), "only its own folder"),
        (RuntimeError("open file failed with strerror: Permission denied"), "only its own folder"),
        (PermissionError(errno.EPERM, "Operation not permitted"), "reaches beyond the submission"),
        (RuntimeError("unable to open shared memory object </torch_1_2_0> in read-write mode"), "work in one"),
        (locale.Error("unsupported locale setting"), "C.UTF-8"),
        (ImportError("Cannot load backend 'TkAgg' which requires the 'tk' interactive framework"), "no screen"),
        (OSError(errno.ENXIO, "No such device or address"), "no terminal"),
    ],
    ids=str,
)
def test_what_a_machine_denies_is_followed_by_what_to_do(error: BaseException, says: str, tmp_path: Path) -> None:
    assert says in hint_for(error, tmp_path)


def test_a_denied_call_is_known_by_the_line_that_made_it(tmp_path: Path) -> None:
    denied = PermissionError(errno.EPERM, "Operation not permitted")
    for source, says in (
        ("os.posix_spawn('/bin/ls', ['ls'], {})", "start programs"),
        ("psutil.Process().cpu_affinity([0])", "shares the processors out"),
        ("os.kill(os.getppid(), 9)", "its own processes"),
        ("shutil.copy('a', 'b')", "shutil.copyfile"),
        ("mmap.mmap(-1, 4096)", "shared_memory"),
    ):
        mistake = hints.Mistake(denied, str(denied), "prune", source, False, tmp_path, ())
        assert says in hints.hint(mistake)


@pytest.mark.parametrize("error", [ImportError("x", name="code"), AttributeError("x", obj=code, name="mine")], ids=repr)
def test_a_module_that_a_library_hides_is_named(error: BaseException, tmp_path: Path) -> None:
    assert "code.py" not in hint_for(error, tmp_path)
    tmp_path.joinpath("code.py").touch()
    assert hint_for(error, tmp_path).endswith("not the submission's code.py, so rename that")


def test_a_workers_traceback_does_not_stand_before_its_reason() -> None:
    inner = 'Original Traceback (most recent call last):\n  File "torch/worker.py", line 3\nLookupError: row 0 is broken\n'
    shown = failure._to_the_point(f"LookupError: Caught LookupError in DataLoader worker process 0.\n{inner}")
    assert shown.endswith("worker process 0: LookupError: row 0 is broken")


def test_advice_to_developers_of_pytorch_is_left_out() -> None:
    assert failure._to_the_point("InductorError: why\n\nSet TORCHDYNAMO_VERBOSE=1 for more").strip() == "InductorError: why"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="newer Pythons take this syntax")
@pytest.mark.parametrize("source", ['f"{", ".join(x)}"', "type X = int", "def first[T](x: T): ...", "class A[T]: ..."])
def test_syntax_of_a_newer_python_is_called_so(source: str) -> None:
    with pytest.raises(SyntaxError) as caught:
        compile(source, "prune.py", "exec")
    assert "whose syntax is older than 3.12's" in hints.syntax_hint(caught.value)


def test_the_failing_line_stands_between_its_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "prune.py"
    path.write_text(
        "def prune(model):\n    first = 1\n    return helper(first)\n\n\ndef helper(x):\n    y = x\n    return y / 0\n"
    )
    namespace: dict[str, object] = {}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    with pytest.raises(ZeroDivisionError) as caught:
        namespace["prune"](None)  # type: ignore[operator]
    trace = failure.describe(caught.value, "prune", tmp_path, "prune.py", ())["traceback"]
    assert trace.splitlines() == [
        "prune.py, line 3, in prune",
        "    return helper(first)",
        "prune.py, line 8, in helper",
        "    6 | def helper(x):",
        "    7 |     y = x",
        "  > 8 |     return y / 0",
        "ZeroDivisionError: division by zero",
    ]


def test_an_exception_that_fights_back_still_gets_its_record(tmp_path: Path) -> None:
    class EvilError(AttributeError):
        def __str__(self) -> str:
            raise SystemExit

        @property
        def obj(self) -> object:
            raise KeyboardInterrupt

        __cause__ = property(lambda self: 1 / 0)

    record = failure.describe(EvilError(), "prune", tmp_path, "prune.py", ())
    assert record["claim"] == "raised" and "Evil" in record["message"]
