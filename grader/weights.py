"""The gate: untrusted bytes become the model's arrays, or a verdict. Nothing is computed with them before they have passed."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from grader.errors import SubmissionError
from grader.formulas import PARAMETER_COUNT, PARAMETER_SHAPES

Weights = Mapping[str, NDArray[np.float32]]


def admit(data: bytes) -> Weights:
    """Raw little-endian float32 in the order of PARAMETER_SHAPES -> read-only arrays by parameter name.

    Raises SubmissionError("rejected") for a wrong byte count, NaN or infinity.
    """
    if len(data) != PARAMETER_COUNT * 4:
        raise SubmissionError(
            "rejected", "collect", f"{len(data):,} bytes of weights came back, expected {PARAMETER_COUNT * 4:,}"
        )
    flat = np.frombuffer(data, dtype="<f4")
    # On the bits: an exponent of all ones is NaN or infinity, whatever the processor's float flags are.
    unusable = np.equal(flat.view("<u4") & 0x7F800000, 0x7F800000)
    arrays: dict[str, NDArray[np.float32]] = {}
    start, complaints = 0, []
    for name, shape in PARAMETER_SHAPES.items():
        end = start + math.prod(shape)
        if count := int(unusable[start:end].sum()):
            complaints.append(f"{count:,} in {name}")
        arrays[name] = flat[start:end].reshape(shape)
        start = end
    if complaints:
        raise SubmissionError(
            "rejected",
            "collect",
            f"prune(model) returned values that are NaN or infinite ({', '.join(complaints)}), expected finite weights",
        )
    return arrays
