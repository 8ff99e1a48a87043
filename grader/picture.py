"""What pages draw of a submission's weights, derived while they are at hand: the weights themselves are never kept.

Ten thousand submissions' weights would be 17 GB; a picture of one takes at most 40 KB.
"""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from grader.formulas import HIDDEN_UNITS, INPUTS, PARAMETER_SHAPES
from grader.records import Picture
from grader.weights import Weights

SAMPLES = 1_200  # of the weights that are not zero

# Bin edges of |w|: quarter decades, for weights span from a bridge's 1e-3 to its 1e6. What lies beyond counts in the last bin.
EDGES = 10.0 ** np.arange(-6.0, 6.25, 0.25)
BINS = 2 * (len(EDGES) - 1)  # negative weights from the largest |w| to the smallest, then positive ones from the smallest

INK = bytes.fromhex("2878bd")  # of a mask's pixels: told apart from light and dark pages alike


def derive(weights: Weights) -> Picture:
    """The picture of admitted weights, which has nothing but numbers in it."""
    flat = np.concatenate([weights[name].ravel() for name in PARAMETER_SHAPES])
    nonzero = np.flatnonzero(flat)
    chosen = (
        nonzero[np.unique(np.linspace(0, max(0, len(nonzero) - 1), SAMPLES).round().astype(int))] if len(nonzero) else nonzero
    )
    first = weights["layers.0.weight"] != 0
    living = first.any(axis=1) & (weights["layers.2.weight"] != 0).any(axis=0)
    return Picture(
        indices=_packed(chosen.astype("<u4").tobytes()),
        values=_packed(flat[chosen].astype("<f4").tobytes()),
        histograms={name: _histogram(weights[name]) for name in PARAMETER_SHAPES},
        mask=_packed(zlib.compress(np.packbits(first).tobytes(), 9)),
        living_units=int(living.sum()),
        used_inputs=int(first[living].any(axis=0).sum()),
    )


def first_layer_mask(picture: Picture) -> NDArray[np.bool_]:
    """Which of the first layer's weights are not zero, (1024, 128)."""
    bits = np.frombuffer(zlib.decompress(base64.b64decode(picture.mask)), dtype=np.uint8)
    return np.unpackbits(bits, count=HIDDEN_UNITS * INPUTS).astype(bool).reshape(HIDDEN_UNITS, INPUTS)


def mask_png(mask: NDArray[np.bool_]) -> bytes:
    """A mask as a PNG of one bit per pixel, rows downwards: true is INK, false lets the page's own colour through."""
    height, width = mask.shape
    rows = np.packbits(mask, axis=1)
    unfiltered = np.hstack([np.zeros((height, 1), np.uint8), rows])  # each row begins with its filter, which is none
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)),
        (b"PLTE", INK * 2),
        (b"tRNS", b"\x00\xff"),
        (b"IDAT", zlib.compress(unfiltered.tobytes(), 1)),
        (b"IEND", b""),
    )
    framed = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def _histogram(values: NDArray[np.float32]) -> tuple[int, ...]:
    within = np.clip(np.abs(values[values != 0]).astype(np.float64), EDGES[0], np.nextafter(EDGES[-1], 0))
    negative, _ = np.histogram(within[values[values != 0] < 0], EDGES)
    positive, _ = np.histogram(within[values[values != 0] > 0], EDGES)
    return (*negative[::-1].tolist(), *positive.tolist())


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
