"""Makes the 142,346 float32 numbers out of whatever ``prune(model)`` gave back, or says why it can't.

Everything here is a service to honest students: it runs in their process, and the keeper believes none of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod

from grader.formulas import PARAMETER_SHAPES

_ENTRY = next(iter(PARAMETER_SHAPES))  # layers.0.weight: a module that has it is where an MLP begins
_CASTS = (torch.float16, torch.bfloat16, torch.float64)


class RejectedError(Exception):
    """What came back can't be made into the model's parameters."""


def collect(returned: object, given: torch.nn.Module) -> tuple[list[torch.Tensor], list[str]]:
    """The four parameters in fixed order, dense float32 on the CPU, and notes on what was done to get them.

    Raises RejectedError with what was expected and what came.
    """
    notes: list[str] = []
    if returned is None:
        returned = given
        notes.append("prune(model) returned None, so the model that it was given is graded as it was left")
    if isinstance(returned, torch.nn.Module):
        found = _from_module(returned, notes)
    elif isinstance(returned, Mapping):
        found = _from_state_dict(returned, notes)
    else:
        raise RejectedError(f"prune(model) returned {_kind(returned)}, expected the model")
    if missing := [name for name in PARAMETER_SHAPES if found.get(name) is None]:
        raise RejectedError(f"prune(model) returned a model without {', '.join(missing)}; keep it and set it to zero instead")
    return [_dense_float32(name, found[name], notes) for name in PARAMETER_SHAPES], notes


def _kind(value: object) -> str:
    if inspect.iscoroutine(value):
        return "a coroutine (define prune with 'def', not 'async def')"
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        return "a generator (use 'return', not 'yield')"
    if isinstance(value, type):
        return f"the class {value.__name__}, not an instance of it"
    article = "an" if type(value).__name__[0].lower() in "aeiou" else "a"
    return f"{article} {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, tuple | list) else "")


# --- modules ----------------------------------------------------------------------------------------------------------


def _from_module(module: torch.nn.Module, notes: list[str]) -> dict[str, Any]:
    prefix, network = _network_within(module)
    if prefix:
        notes.append(f"the returned {type(module).__name__} wraps the model as '{prefix}'; the weights inside it are graded")
    layers = {}
    members = dict(network.named_modules())  # a scripted module refuses get_submodule
    for name in ("layers.0", "layers.2"):
        layer = members[name]
        if "quantized" in type(layer).__module__:
            raise RejectedError(f"prune(model) returned {name} quantised; expected floating-point weights")
        layers[f"{name}.weight"] = _effective(layer, name, "weight", notes)
        layers[f"{name}.bias"] = _effective(layer, name, "bias", notes)
    _refuse_additions(network)
    activation = members.get("layers.1")
    if (
        activation is not None
        and "sigmoid" not in type(activation).__name__.lower() + str(getattr(activation, "original_name", "")).lower()
    ):
        notes.append(f"layers.1 came back as {type(activation).__name__}; the fixed model's Sigmoid is what is graded")
    return layers


def _network_within(module: torch.nn.Module) -> tuple[str, torch.nn.Module]:
    """The submodule that holds layers.0 and layers.2: the module itself, or the one that a wrapper wraps."""
    members = dict(module.named_modules())
    prefixes = [name.removesuffix("layers.0") for name in members if name == "layers.0" or name.endswith(".layers.0")]
    prefixes = [prefix for prefix in prefixes if f"{prefix}layers.2" in members]
    if not prefixes:
        own = [name for name, _ in module.named_parameters()][:6]
        raise RejectedError(
            f"prune(model) returned a {type(module).__name__} with {', '.join(own) or 'no parameters'}; "
            f"expected {', '.join(PARAMETER_SHAPES)}"
        )
    if len(prefixes) > 1 and "" not in prefixes:
        raise RejectedError(f"prune(model) returned a {type(module).__name__} that holds {len(prefixes)} models, expected one")
    prefix = "" if "" in prefixes else prefixes[0]
    path = prefix.removesuffix(".")
    return path, members[path]


def _effective(layer: torch.nn.Module, name: str, kind: str, notes: list[str]) -> Any:
    """The parameter as the layer's next forward would use it."""
    original, mask = getattr(layer, f"{kind}_orig", None), getattr(layer, f"{kind}_mask", None)
    if isinstance(original, torch.Tensor) and isinstance(mask, torch.Tensor):
        notes.append(
            f"the pruning mask of {name}.{kind} was still in place and has been applied (prune.remove makes it permanent)"
        )
        return original * mask
    if isinstance(layer, torch.nn.Module) and parametrize.is_parametrized(layer, kind):
        notes.append(f"the parametrization of {name}.{kind} has been applied")
        return getattr(layer, kind)
    for hook in layer._forward_pre_hooks.values():
        if not isinstance(hook, BasePruningMethod) and getattr(hook, "name", None) == kind and callable(hook):
            hook(layer, None)  # weight_norm and spectral_norm recompute the attribute only in forward
    value = getattr(layer, kind, None)
    if callable(value) and not isinstance(value, torch.Tensor):
        raise RejectedError(f"prune(model) returned {name} quantised; expected floating-point weights")
    return value


def _refuse_additions(network: torch.nn.Module) -> None:
    known = ("layers.0.", "layers.2.")
    added = [
        name
        for name, parameter in network.named_parameters()
        if not any(name.startswith(prefix + kind) for prefix in known for kind in ("weight", "bias", "parametrizations"))
        and parameter.numel()
    ]
    if added:
        shown = ", ".join(added[:6])
        raise RejectedError(
            f"prune(model) returned a model with further parameters ({shown}); expected {', '.join(PARAMETER_SHAPES)}"
        )


# --- state dicts ------------------------------------------------------------------------------------------------------


def _from_state_dict(state: Mapping[Any, Any], notes: list[str]) -> dict[str, Any]:
    if not any((isinstance(key, str) and key.endswith("weight")) or "weight_orig" in str(key) for key in state):
        keys = ", ".join(str(key)[:40] for key in list(state)[:6])
        raise RejectedError(
            f"prune(model) returned a {type(state).__name__} with the keys {keys or '(none)'}, expected the model"
        )
    notes.append("prune(model) returned a state_dict; its tensors are graded")
    plain: dict[str, Any] = {}
    for key, value in state.items():
        name = str(key)
        for prefix in ("_orig_mod.", "module."):
            name = name.removeprefix(prefix)
        plain[name] = value
    for name in PARAMETER_SHAPES:
        if name not in plain and f"{name}_orig" in plain:
            plain[name] = plain[f"{name}_orig"] * plain.get(f"{name}_mask", 1)
            notes.append(f"the pruning mask of {name} was still in place and has been applied")
    extra = [name for name in plain if name not in PARAMETER_SHAPES and not name.endswith(("_orig", "_mask"))]
    if extra:
        raise RejectedError(
            f"prune(model) returned a state_dict with {', '.join(extra[:6])}; expected {', '.join(PARAMETER_SHAPES)} alone"
        )
    return plain


# --- tensors ----------------------------------------------------------------------------------------------------------


def _dense_float32(name: str, value: Any, notes: list[str]) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        raise RejectedError(f"prune(model) returned {name} as {_kind(value)}, expected a tensor")
    tensor = value.detach()
    if tensor.is_quantized:
        raise RejectedError(f"prune(model) returned {name} quantised; expected floating-point weights")
    if tensor.is_meta:
        raise RejectedError(f"prune(model) returned {name} on the meta device, which holds no values")
    if tensor.layout != torch.strided:
        notes.append(f"{name} came back in the layout {tensor.layout} and has been made dense")
        tensor = tensor.to_dense()
    if tensor.device.type != "cpu":
        notes.append(f"{name} came back on {tensor.device}")
        tensor = tensor.cpu()
    if tuple(tensor.shape) != PARAMETER_SHAPES[name]:
        raise RejectedError(
            f"prune(model) returned {name} of shape {tuple(tensor.shape)}, expected {PARAMETER_SHAPES[name]}; "
            "removed units stay in the model as zeros"
        )
    if tensor.dtype in _CASTS:
        notes.append(f"{name} came back as {str(tensor.dtype).removeprefix('torch.')} and has been cast to float32")
    elif tensor.dtype != torch.float32:
        raise RejectedError(f"prune(model) returned {name} as {str(tensor.dtype).removeprefix('torch.')}, expected float32")
    return tensor.to(torch.float32).resolve_conj().resolve_neg().contiguous()
