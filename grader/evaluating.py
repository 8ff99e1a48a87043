"""The evaluator's own process: it owns the GPU and the hidden data there, and turns weights into sums of squared errors.

It is a clean exec, so that a GPU's fault ends it and not the grader, and its end is the end of what it had on the GPU. It
imports torch at once and touches the GPU only when it is told to open it. Nothing of a submission but its weights gets here.
"""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Any

import numpy as np
import torch

from grader import frames, stacked

PROOF_SECONDS = 1.0
_PROOF_SIZE = 2048
_CLOSE_ENOUGH = 1e-12  # relative, for a product of that size in float64


def main(descriptor: int) -> None:
    """Serve the keeper until it closes its end, and leave nothing on the device."""
    with socket.socket(fileno=descriptor) as channel:
        stacked.exact_arithmetic()
        frames.send(channel, {"torch": torch.__version__})
        came = frames.receive(channel)
        if came is None:
            return
        device = torch.device(came[0]["device"])
        stack = stacked.Stack(device)
        frames.send(channel, {"name": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"})
        splits: dict[int, stacked.Samples] = {}
        try:
            while came := frames.receive(channel):
                frames.send(channel, *_answer(*came, device, stack, splits))
        finally:
            for overwrite in (*(samples.overwrite for samples in splits.values()), stack.overwrite):
                with contextlib.suppress(RuntimeError):  # of a device that has failed; the keeper sees how this process ends
                    overwrite()
            if device.type == "cuda":
                torch.cuda.synchronize(device)


def _answer(
    message: dict[str, Any], payload: bytearray, device: torch.device, stack: stacked.Stack, splits: dict[int, stacked.Samples]
) -> tuple[dict[str, Any], bytes]:
    flat = np.frombuffer(payload, dtype="<f4")
    match message["do"]:
        case "upload":
            rows, inputs = message["samples"], message["inputs"]
            first, second = np.split(flat, [rows * inputs])
            splits[message["split"]] = stacked.Samples(first.reshape(rows, -1), second.reshape(rows, -1), device)
            return {}, b""
        case "evaluate":
            found = stack.squared_error(flat.reshape(message["models"], -1), splits[message["split"]])
            return {}, found.astype("<f8").tobytes()
        case "wipe":
            return {"wiped": stacked.fill_with_zeros(device)}, b""
        case "prove":
            return dict(proof(device)), b""
        case asked:
            raise ValueError(f"no such request: {asked}")


def proof(device: torch.device) -> dict[str, float]:
    """Products in float64 for a second: how many operations a second, and how far the result is from the processor's."""
    chance = torch.Generator().manual_seed(0)
    left, right = (torch.randn(_PROOF_SIZE, _PROOF_SIZE, generator=chance, dtype=torch.float64) for _ in range(2))
    there = left.to(device), right.to(device)
    product = there[0] @ there[1]
    rows = left[:64] @ right
    difference = float((product[:64].cpu() - rows).abs().max() / rows.abs().max())
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < PROOF_SECONDS:
        product = there[0] @ there[1]
        float(product[0, 0])  # waits for it
        count += 1
    seconds = time.perf_counter() - started
    return {"flops": 2 * _PROOF_SIZE**3 * count / seconds, "difference": difference, "holds": float(difference <= _CLOSE_ENOUGH)}
