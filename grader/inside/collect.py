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

_CASTS = (torch.float16, torch.bfloat16, torch.float64)
_KEEP = "change the weights of the model that prune is given, and return that model"


class RejectedError(Exception):
    """What came back can't be made into the model's parameters."""


class _Notes:
    """Remarks in order of appearance, each once, with all the names that it is true of."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, remark: str, *names: str) -> None:
        """``remark`` has ``{}`` where the names go, and reads well with one name and with several."""
        self._names.setdefault(remark, []).extend(names)

    def texts(self) -> list[str]:
        return [remark.replace("{}", ", ".join(names)) for remark, names in self._names.items()]


def collect(returned: object, given: torch.nn.Module) -> tuple[list[torch.Tensor], list[str]]:
    """The four parameters in fixed order, dense float32 on the CPU, and notes on what was done to get them.

    Raises RejectedError with what was expected, what came, and what to do instead.
    """
    notes = _Notes()
    if isinstance(returned, torch.nn.Module):
        found = _from_module(returned, notes)
    elif isinstance(returned, Mapping):
        found = _from_state_dict(returned, notes)
    elif returned is None:
        found = _from_module(given, notes)
    else:
        raise RejectedError(f"prune(model) returned {_kind(returned)}, expected the model; {_remedy(returned)}")
    tensors = [_dense_float32(name, found[name], notes) for name in PARAMETER_SHAPES]
    if returned is None:
        notes.add("prune(model) returned None, so the model that it was given is graded as it was left")
    if all(bool((tensor != 0).all()) for tensor in tensors):
        why = "was 'return' forgotten?" if returned is None else "in a loop, 'p = ...' changes nothing: assign to p.data"
        notes.add(f"none of the parameters is exactly zero; {why}")
    return tensors, notes.texts()


def _kind(value: object) -> str:
    if inspect.iscoroutine(value):
        return "a coroutine"
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        return "a generator"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    article = "an" if type(value).__name__[0].lower() in "aeiou" else "a"
    if not isinstance(value, tuple | list):
        return f"{article} {type(value).__name__}"
    members = ", ".join(type(member).__name__ for member in value[:4]) + (", ..." if len(value) > 4 else "")
    return f"{article} {type(value).__name__} of {len(value)} ({members})"


def _remedy(value: object) -> str:
    if inspect.iscoroutine(value):
        return "define prune with 'def', not 'async def'"
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        return "use 'return', not 'yield'"
    if isinstance(value, type):
        return "return an instance of it"
    if isinstance(value, tuple | list) and any(isinstance(member, torch.nn.Module) for member in value):
        return "return the model alone"
    if isinstance(value, str):
        return "return the model itself, no file's name"
    return "end prune with 'return model'"


# --- modules ----------------------------------------------------------------------------------------------------------


def _from_module(module: torch.nn.Module, notes: _Notes) -> dict[str, Any]:
    prefix, network = _network_within(module)
    if prefix:
        notes.add(f"the returned {type(module).__name__} wraps the model as {prefix!r}; the weights inside it are graded")
    members = dict(network.named_modules())  # a scripted module refuses get_submodule
    layers = {}
    for name in ("layers.0", "layers.2"):
        if "quantized" in type(members[name]).__module__:
            raise _quantised(name)
        for kind in ("weight", "bias"):
            layers[f"{name}.{kind}"] = _effective(members[name], name, kind, notes)
    _refuse_missing(layers, network)
    _refuse_additions(network)
    _note_other_layers(members, notes)
    return layers


def _network_within(module: torch.nn.Module) -> tuple[str, torch.nn.Module]:
    """The submodule that holds layers.0 and layers.2: the module itself, or the one that a wrapper wraps."""
    members = dict(module.named_modules())
    prefixes = [name.removesuffix("layers.0") for name in members if name == "layers.0" or name.endswith(".layers.0")]
    prefixes = [prefix for prefix in prefixes if f"{prefix}layers.2" in members]
    if not prefixes:
        own = _listed([name for name, _ in module.named_parameters()]) or "no parameters"
        raise RejectedError(
            f"prune(model) returned a {type(module).__name__} with {own}, expected {', '.join(PARAMETER_SHAPES)}; {_KEEP}"
        )
    if len(prefixes) > 1 and "" not in prefixes:
        raise RejectedError(
            f"prune(model) returned a {type(module).__name__} that holds {len(prefixes)} models, expected one; return that one"
        )
    prefix = "" if "" in prefixes else prefixes[0]
    path = prefix.removesuffix(".")
    return path, members[path]


def _effective(layer: torch.nn.Module, name: str, kind: str, notes: _Notes) -> Any:
    """The parameter as the layer's next forward would use it."""
    original, mask = getattr(layer, f"{kind}_orig", None), getattr(layer, f"{kind}_mask", None)
    if isinstance(original, torch.Tensor) and isinstance(mask, torch.Tensor):
        notes.add("masks were still in place, and applied: {} (prune.remove makes them permanent)", f"{name}.{kind}")
        return original * mask
    if parametrize.is_parametrized(layer, kind):
        notes.add("parametrizations were still in place, and applied: {}", f"{name}.{kind}")
        return getattr(layer, kind)
    for hook in layer._forward_pre_hooks.values():
        if not isinstance(hook, BasePruningMethod) and getattr(hook, "name", None) == kind and callable(hook):
            hook(layer, None)  # weight_norm and spectral_norm recompute the attribute only in forward
    value = getattr(layer, kind, None)
    if callable(value) and not isinstance(value, torch.Tensor):
        raise _quantised(name)
    return value


def _refuse_missing(layers: Mapping[str, Any], network: torch.nn.Module) -> None:
    missing = [name for name, value in layers.items() if value is None]
    if not missing:
        return
    others = _listed(_additions(network))
    instead = f", and with {others} instead; {_KEEP}" if others else "; keep it in the model and set it to zero"
    raise RejectedError(f"prune(model) returned a model without {', '.join(missing)}{instead}")


def _refuse_additions(network: torch.nn.Module) -> None:
    if added := _additions(network):
        remedy = "multiply masks into the weights, then delete them" if "mask" in str(added) else _KEEP
        raise RejectedError(
            f"prune(model) returned a model with further parameters ({_listed(added)}), "
            f"expected {', '.join(PARAMETER_SHAPES)} alone; {remedy}"
        )


def _additions(network: torch.nn.Module) -> list[str]:
    """Parameters that the fixed model does not have."""
    known = ("layers.0.", "layers.2.")
    return [
        name
        for name, parameter in network.named_parameters()
        if not any(name.startswith(prefix + kind) for prefix in known for kind in ("weight", "bias", "parametrizations"))
        and parameter.numel()
    ]


def _note_other_layers(members: Mapping[str, torch.nn.Module], notes: _Notes) -> None:
    """What the returned model computes beside its four parameters is not graded, so its author should hear of it."""
    for name, layer in members.items():
        kind = str(getattr(layer, "original_name", type(layer).__name__))  # of a scripted layer
        fixed = {"": kind, "layers": kind, "layers.0": "Linear", "layers.1": "Sigmoid", "layers.2": "Linear"}.get(name)
        if kind == fixed or "parametriz" in name + type(layer).__module__:
            continue
        if fixed is None:
            notes.add("not part of the fixed model, and not graded: {}", f"{name} ({kind})")
        elif fixed == "Sigmoid":
            notes.add(f"layers.1 came back as {kind}; the fixed model's Sigmoid is what is graded")
        else:
            notes.add("weight and bias alone are graded, so a mask must be multiplied into them: {}", f"{name} ({kind})")


# --- state dicts ------------------------------------------------------------------------------------------------------


def _from_state_dict(state: Mapping[Any, Any], notes: _Notes) -> dict[str, Any]:
    keys = [str(key) for key in state]
    if not any(key.endswith("weight") or "weight_orig" in key for key in keys):
        model = next((key for key, value in state.items() if isinstance(value, torch.nn.Module)), None)
        remedy = "end prune with 'return model'" if model is None else f"return what is under {model!r} alone"
        raise RejectedError(
            f"prune(model) returned a {type(state).__name__} with the keys {_listed(keys) or '(none)'}, "
            f"expected the model; {remedy}"
        )
    notes.add("prune(model) returned a state_dict; its tensors are graded")
    plain: dict[str, Any] = {}
    for key, value in state.items():
        plain[str(key).removeprefix("_orig_mod.").removeprefix("module.")] = value
    for name in PARAMETER_SHAPES:
        if name not in plain and f"{name}_orig" in plain:
            plain[name] = plain[f"{name}_orig"] * plain.get(f"{name}_mask", 1)
            notes.add("masks were still in place, and applied: {}", name)
    extra = [name for name in plain if name not in PARAMETER_SHAPES and not name.endswith(("_orig", "_mask"))]
    missing = [name for name in PARAMETER_SHAPES if plain.get(name) is None]
    if extra or missing:
        found = f"with {_listed(extra)}" if extra else f"without {', '.join(missing)}"
        raise RejectedError(
            f"prune(model) returned a state_dict {found}, expected {', '.join(PARAMETER_SHAPES)} alone; return the model itself"
        )
    return plain


# --- tensors ----------------------------------------------------------------------------------------------------------


def _dense_float32(name: str, value: Any, notes: _Notes) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        raise RejectedError(f"prune(model) returned {name} as {_kind(value)}, expected a tensor; return the model itself")
    tensor = value.detach()
    if tensor.is_quantized:
        raise _quantised(name)
    if tensor.is_meta:
        raise RejectedError(f"prune(model) returned {name} on the meta device, which holds no values; {_KEEP}")
    if tensor.is_nested:
        raise RejectedError(f"prune(model) returned {name} as a nested tensor, expected a plain one; {_KEEP}")
    if tuple(tensor.shape) != PARAMETER_SHAPES[name]:  # before it is made dense, since a sparse one may claim any size
        raise _misshapen(name, tuple(tensor.shape))
    if tensor.layout != torch.strided:
        notes.add(f"came back in the layout {tensor.layout}, and made dense: {{}}", name)
        tensor = tensor.to_dense()
    if tensor.device.type != "cpu":
        if tensor.device.type != "cuda":  # where the model may have been to begin with
            notes.add(f"came back on {tensor.device}: {{}}", name)
        tensor = tensor.cpu()
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.dtype in _CASTS:
        notes.add(f"came back as {dtype}, and cast to float32: {{}}", name)
    elif tensor.dtype != torch.float32:
        raise RejectedError(f"prune(model) returned {name} as {dtype}, expected float32; return floating-point weights")
    return tensor.to(torch.float32).resolve_conj().resolve_neg().contiguous()


def _misshapen(name: str, shape: tuple[int, ...]) -> RejectedError:
    transposed = shape == PARAMETER_SHAPES[name][::-1]
    remedy = "transpose it back" if transposed else "units that are removed stay in the model as zeros"
    return RejectedError(f"prune(model) returned {name} of shape {shape}, expected {PARAMETER_SHAPES[name]}; {remedy}")


def _quantised(layer: str) -> RejectedError:
    return RejectedError(f"prune(model) returned {layer} quantised, expected floating-point weights; leave quantisation out")


def _listed(names: list[str]) -> str:
    return ", ".join(name[:40] for name in names[:6]) + (", ..." if len(names) > 6 else "")
