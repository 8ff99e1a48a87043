"""Hints for what this machine, this Python or this PyTorch may not let happen; all others have a folder in tests/cases/."""

from __future__ import annotations

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
    ],
    ids=str,
)
def test_a_device_that_is_not_there_names_the_one_that_is(error: BaseException, tmp_path: Path) -> None:
    assert "from assignment import device" in hint_for(error, tmp_path)


def test_a_package_is_named_as_it_is_imported(tmp_path: Path) -> None:
    assert hint_for(ModuleNotFoundError("x", name="scikit_learn"), tmp_path) == "did you mean 'sklearn'?"
    assert "torch, sklearn" in hint_for(ModuleNotFoundError("x", name="seaborn"), tmp_path)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="newer Pythons take this syntax")
@pytest.mark.parametrize("source", ['f"{", ".join(x)}"', "type X = int", "def first[T](x: T): ...", "class A[T]: ..."])
def test_syntax_of_a_newer_python_is_called_so(source: str) -> None:
    with pytest.raises(SyntaxError) as caught:
        compile(source, "prune.py", "exec")
    assert "whose syntax is older than 3.12's" in hints.syntax_hint(caught.value)


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
