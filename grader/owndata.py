"""Reads an instructor's own data and model. Every fault is a UsageError: file, array, what was expected, what came."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from grader.errors import UsageError
from grader.formulas import INPUTS, OUTPUTS, PARAMETER_SHAPES

Float32 = NDArray[np.float32]

_EXPECTED = "expected an array of float32 or float64"
LARGEST_ARRAY_BYTES = 4 << 30  # unpacked; a well-formed archive of a few MB can hold more than any memory


def read_split(path: Path) -> tuple[Float32, Float32]:
    """Inputs (n, 128) and targets (n, 10), as float32, from the arrays X and Y of an .npz or .safetensors file."""
    found = _read(path, ("X", "Y"))
    inputs = _checked(path, "X", found["X"], (None, INPUTS))
    targets = _checked(path, "Y", found["Y"], (None, OUTPUTS))
    if len(inputs) != len(targets):
        raise UsageError(f"{path}: X has {len(inputs)} rows and Y has {len(targets)}, expected equally many")
    return inputs, targets


def read_model(path: Path) -> dict[str, Float32]:
    """The four parameters as float32 by name, in model order, from an .npz or .safetensors file."""
    found = _read(path, tuple(PARAMETER_SHAPES))
    return {name: _checked(path, name, found[name], shape) for name, shape in PARAMETER_SHAPES.items()}


def split_bytes(inputs: Float32, targets: Float32) -> bytes:
    """A .safetensors file that ``read_split`` reads: inputs (n, 128) as X, targets (n, 10) as Y."""
    return safetensors.numpy.save({"X": np.ascontiguousarray(inputs), "Y": np.ascontiguousarray(targets)})


def model_bytes(model: Mapping[str, Float32]) -> bytes:
    """A .safetensors file that ``read_model`` reads."""
    return safetensors.numpy.save({name: np.ascontiguousarray(model[name]) for name in PARAMETER_SHAPES})


def _read(path: Path, names: Sequence[str]) -> dict[str, Any]:
    if path.suffix not in _READERS:
        raise UsageError(f"{path}: expected a file that ends in .npz or .safetensors")
    if not path.exists():
        raise UsageError(f"{path}: no such file; expected the arrays {', '.join(names)} in it (task.files in the rubric)")
    try:
        return _READERS[path.suffix](path, names)
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror or error}") from None


def _read_npz(path: Path, names: Sequence[str]) -> dict[str, Any]:
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
        _require(path, names, list(sizes))
        # numpy unpickles nothing here, and reads an array only when it is asked for
        with np.load(path, allow_pickle=False) as arrays:
            for name in names:
                if sizes[name] > LARGEST_ARRAY_BYTES:
                    raise UsageError(f"{path}: {name} unpacks to {sizes[name]} bytes, expected at most {LARGEST_ARRAY_BYTES}")
                found[name] = arrays[name]
                if not isinstance(found[name], np.ndarray):  # numpy hands out what it doesn't know as bytes
                    raise UsageError(f"{path}: {name} can't be read: its bytes are not a numpy array, {_EXPECTED}")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
        raise UsageError(f"{path}: not a readable .npz archive, expected a file written by numpy.savez") from None
    except (ValueError, MemoryError, RuntimeError) as error:
        array = next((name for name in names if name not in found), "the file")
        what = "it holds pickled Python objects" if "pickle" in str(error).lower() else "its bytes are not a numpy array"
        raise UsageError(f"{path}: {array} can't be read: {what}, {_EXPECTED}") from None
    return found


def _read_safetensors(path: Path, names: Sequence[str]) -> dict[str, Any]:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            _require(path, names, list(file.keys()))
            for name in names:
                kind = file.get_slice(name).get_dtype()
                if kind not in ("F32", "F64"):  # bfloat16 and the like have no numpy type to be loaded as
                    raise UsageError(f"{path}: {name} has dtype {kind}, expected float32 or float64")
            return {name: file.get_tensor(name) for name in names}
    except safetensors.SafetensorError:
        raise UsageError(f"{path}: not a readable .safetensors file, expected one written by safetensors") from None


_READERS = {".npz": _read_npz, ".safetensors": _read_safetensors}


def _require(path: Path, names: Sequence[str], present: list[str]) -> None:
    for name in names:
        if name not in present:
            shown = ", ".join(repr(other[:40]) for other in present[:6]) + (", ..." if len(present) > 6 else "")
            raise UsageError(f"{path}: there is no array {name!r}, expected {', '.join(names)}; found {shown or 'none'}")


def _checked(path: Path, name: str, array: NDArray[Any], shape: tuple[int | None, ...]) -> Float32:
    """The array as float32 if it has the dtype, the shape (None: any length from 1) and finite values only."""
    if array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
        raise UsageError(f"{path}: {name} has dtype {array.dtype}, expected float32 or float64")
    expected = f"({', '.join('n' if length is None else str(length) for length in shape)}{',' if len(shape) == 1 else ''})"
    if array.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, array.shape, strict=True)):
        raise UsageError(f"{path}: {name} has shape {array.shape}, expected {expected}")
    if array.size == 0:
        raise UsageError(f"{path}: {name} is empty, expected at least one row")
    unusable = int(array.size - np.count_nonzero(np.isfinite(array)))
    if unusable:
        raise UsageError(f"{path}: {name} holds {unusable} NaN or infinite values, expected finite ones")
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(result).all():
        largest = array.flat[np.abs(array).argmax()]
        raise UsageError(f"{path}: {name} holds {largest:.3g}, expected values within float32's range (3.4e+38)")
    return result
