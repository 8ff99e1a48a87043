"""The next step for the mistakes that students make: one sentence for an exception, or none where nothing is known.

Every function here is a service to honest students. It runs in their process, on objects that are theirs, and what it
says is shown as their own text; so a hint may be wrong or fail, and then there is none.
"""

from __future__ import annotations

import builtins
import difflib
import errno
import os
import pickle
import re
import subprocess
import sys
import traceback
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.utils.prune as library_prune

ASSIGNMENT_NAMES = (
    "MLP", "train_loader", "validation_loader", "data_loader", "device", "get_sparsity", "compute_error", "score", "points",
)  # fmt: skip
_IMPORT_NAMES = {"scikit-learn": "sklearn", "ipython": "IPython"}  # where they differ from the package's
_IMPORTS = {
    "np": "import numpy as np",
    "plt": "import matplotlib.pyplot as plt",
    "nn": "from torch import nn",
    "optim": "from torch import optim",
    "F": "import torch.nn.functional as F",
    "tqdm": "from tqdm import tqdm",
    "trange": "from tqdm import trange",
    "deepcopy": "from copy import deepcopy",
    "partial": "from functools import partial",
    "Path": "from pathlib import Path",
    "DataLoader": "from torch.utils.data import DataLoader",
    "TensorDataset": "from torch.utils.data import TensorDataset",
}
_HELD_OUT = re.compile(r"(?:test|val|valid|validation)_?(?:data)?_?(?:loader|set|data)?$|[xXyY]_?(?:test|val)$")
_TRAINING = re.compile(r"(?:train|training)?_?(?:data)?_?(?:loader|set|data)$|[xXyY](?:_?train)?$")
_NO_DEVICE = re.compile(
    r"not compiled with CUDA|No CUDA GPUs|NVIDIA driver|CUDA driver|CUDA error|linked with support for mps|MPS backend"
    r"|[Cc]annot access accelerator|no accelerator|[Ii]nvalid device"
)
_NO_NETWORK = re.compile(r"internet connection|name resolution|Name or service not known|Network is unreachable")
_NEWER_SYNTAX = re.compile(r"\s*(?:type[ \t]+\w+[ \t]*[\[=]|(?:async[ \t]+)?def[ \t]+\w+\[|class[ \t]+\w+\[)")
_MAIN = "if __name__ == '__main__':"


@dataclass(frozen=True, slots=True)
class Mistake:
    """An exception that left the submission, and what surrounds it."""

    error: BaseException
    text: str  # as Python prints it
    stage: str
    source: str  # the submission's own line that it came from
    is_notebook: bool
    folder: Path
    packages: tuple[str, ...]  # that submissions may import

    @property
    def files(self) -> set[str]:
        """Files that the traceback passes through, libraries too."""
        return {frame.filename for frame in traceback.extract_tb(self.error.__traceback__)}

    def passed_through(self, *parts: str) -> bool:
        return any(part in file for file in self.files for part in parts)


def hint(mistake: Mistake) -> str:
    """What to do about it, or nothing."""
    try:
        return next(filter(None, (find(mistake) for find in _HINTS)), "")
    except BaseException:  # the exception's class and what hangs on it are the submission's
        return ""


def syntax_hint(error: SyntaxError) -> str:
    line = error.text or ""
    for start, remedy in (
        ("```", "take the Markdown fences out"),
        (">>> ", "take the prompts (>>> and ...) out"),
        (("<<<<<<<", "=======", ">>>>>>>"), "resolve the merge conflict first"),
    ):
        if line.startswith(start):
            return remedy
    if odd := next((character for character in "\u00a0\u3000\u200b\ufeff" if character in line), ""):
        return f"the line holds the invisible character U+{ord(odd):04X}; delete it and type a space"
    if "unicodeescape" in (error.msg or ""):
        return "write a path with / or as r'...'"
    if "'await' outside" in (error.msg or ""):
        return "only a live notebook waits at top level; use asyncio.run(...)"
    if isinstance(error, TabError):
        return "indent with spaces alone"
    if sys.version_info < (3, 12) and ((error.msg or "").startswith("f-string") or _NEWER_SYNTAX.match(line)):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        quotes = ": quotes in its braces must differ from its own" if (error.msg or "").startswith("f-string") else ""
        return f"this is Python {version}, whose syntax is older than 3.12's{quotes}"
    return ""


def exit_hint(mistake: Mistake) -> str:
    if mistake.passed_through("argparse.py"):
        return f"no arguments are given while grading: give each a default, or parse them below {_MAIN}"
    if mistake.stage == "import":
        return f"put what runs as a script below {_MAIN}"
    return "end prune with 'return model' instead"


# --- by kind of exception, the most particular first ------------------------------------------------------------------


def _missing_module(mistake: Mistake) -> str:
    error = mistake.error
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    top, _, rest = error.name.partition(".")
    if top == "google":
        return "Colab's own modules exist only there: leave them out, and get data from the module 'assignment'"
    if top == "submission" and rest:
        return f"hand in {rest.replace('.', '/')}.py together with it, in one folder or zip"
    if top == "assignment":
        return f"the module 'assignment' has {', '.join(ASSIGNMENT_NAMES)}"
    if top in sys.modules or (mistake.folder / top).exists():
        return ""
    listed = [_IMPORT_NAMES.get(name, name) for name in mistake.packages]
    if near := "sklearn" if top.startswith("scikit") else _nearest(top, [*listed, *sys.stdlib_module_names]):
        return f"did you mean {near!r}?"
    return (
        f"{top!r} is neither a file of the submission nor a package that submissions may import: "
        f"{', '.join(listed)} (allow.packages in rubric.yaml); nothing can be installed while grading"
    )


def _wrong_import(mistake: Mistake) -> str:
    error = mistake.error
    if not isinstance(error, ImportError) or error.name != "assignment":
        return ""
    return f"it has {', '.join(ASSIGNMENT_NAMES)}; the test data stay with the grader"


def _undefined_name(mistake: Mistake) -> str:
    error = mistake.error
    if not isinstance(error, NameError) or isinstance(error, UnboundLocalError) or not error.name:
        return ""
    name = error.name
    if name in ASSIGNMENT_NAMES:
        return f"import it: from assignment import {name}"
    if name in _IMPORTS or name in sys.stdlib_module_names or name in mistake.packages:
        return f"import it: {_IMPORTS.get(name, f'import {name}')}"
    if name == "model" and mistake.stage == "import":
        return f"the trained model exists only as what prune(model) is called with; use it there, or put this below {_MAIN}"
    if near := _nearest(name, _visible_names(error)):
        return f"did you mean {near!r}?"
    if name in ("In", "Out", "_"):
        return "it exists only in a live notebook"
    if _HELD_OUT.match(name):
        return "held-out data to try things on: from assignment import validation_loader"
    if _TRAINING.match(name):
        return "training data: from assignment import train_loader; inputs, targets = train_loader().dataset.tensors"
    return "a notebook's cells run once, from the first to the last, and nothing else is kept" if mistake.is_notebook else ""


def _missing_attribute(mistake: Mistake) -> str:
    error = mistake.error
    if not isinstance(error, AttributeError):
        return ""
    owner, name = error.obj, error.name or ""
    if isinstance(owner, types.FunctionType | type) and owner.__name__ == "prune" and hasattr(library_prune, name):
        return (
            "the submission's own prune has replaced the module torch.nn.utils.prune; "
            "give that another name: import torch.nn.utils.prune as pruning"
        )
    if isinstance(owner, torch.nn.Sigmoid):
        return "model.layers[1] is a Sigmoid without parameters; prune model.layers[0] and model.layers[2]"
    if isinstance(owner, torch.nn.Module) and hasattr(owner, "layers"):
        return "the model's parts are model.layers[0] (Linear), model.layers[1] (Sigmoid) and model.layers[2] (Linear)"
    return ""


def _device(mistake: Mistake) -> str:
    if "on the same device" in mistake.text:
        return "bring everything to one device: from assignment import device"
    if not _NO_DEVICE.search(mistake.text) or not isinstance(mistake.error, AssertionError | RuntimeError | ValueError):
        return ""
    return "a submission must also run without a GPU: use the device that it is given (from assignment import device)"


def _torch_habits(mistake: Mistake) -> str:
    text = mistake.text
    if "leaf Variable that requires grad" in text:
        return "change parameters inside 'with torch.no_grad():', or change their .data"
    if "cannot assign" in text and "as parameter" in text:
        return "wrap it: layer.weight = torch.nn.Parameter(...), or assign to layer.weight.data"
    if isinstance(mistake.error, pickle.UnpicklingError) and "eights only" in text:
        return "save model.state_dict() and load that, or call torch.load(..., weights_only=False)"
    if isinstance(mistake.error, TypeError) and re.search(r"\bLoader\b", text):
        return "a second parameter of prune without a default gets the training loader; give it a default to mean another thing"
    return ""


def _programs(mistake: Mistake) -> str:
    if mistake.passed_through("popen_spawn", "popen_forkserver", "resource_tracker"):
        return "only multiprocessing's start method 'fork' works here, because others start programs"
    if not re.search(r"not permitted|[Pp]ermission denied", mistake.text):
        return ""
    if mistake.passed_through("/torch/_inductor/", "/torch/_dynamo/"):
        return "torch.compile starts a compiler, and submissions can't start programs (allow.exec in rubric.yaml); leave it out"
    if mistake.passed_through(subprocess.__file__):
        return "submissions can't start programs (allow.exec in rubric.yaml); use Python and the listed packages instead"
    return ""


def _network(mistake: Mistake) -> str:
    asks = isinstance(mistake.error, OSError) and type(mistake.error).__module__ in ("socket", "urllib.error")
    if asks or mistake.passed_through("socket.py", "urllib/request.py", "http/client.py") or _NO_NETWORK.search(mistake.text):
        return "submissions run without a network; get data from the module 'assignment'"
    return ""


def _files(mistake: Mistake) -> str:
    error = mistake.error
    if isinstance(error, PermissionError):
        return "the sandbox denied this; a submission may read and write only its own folder"
    if isinstance(error, FileNotFoundError):
        return _missing_file(str(error.filename or ""), mistake.folder)
    if isinstance(error, OSError) and error.errno in (errno.EFBIG, errno.ENOSPC):
        return "files may hold at most limits.file_bytes in rubric.yaml"
    return ""


def _missing_file(name: str, folder: Path) -> str:
    plain = name.replace("\\", "/")
    handed_in = next((path for path in _files_in(folder) if path.rpartition("/")[2] == plain.rpartition("/")[2]), "")
    if handed_in:
        return f"the submission has it as {handed_in!r}; relative paths start at its top folder"
    if plain.endswith((".pt", ".pth", ".ckpt")):
        return "the trained model is what prune(model) gets; any other must be handed in with the submission"
    if plain.startswith(("/", "~")) or plain[1:3] == ":/":
        return "paths of another computer do not exist here; a submission sees only the files handed in with it"
    parent = plain.rpartition("/")[0]
    if parent and not (folder / parent).is_dir():
        return f"there is no folder {parent!r} here: hand it in, or make it by os.makedirs({parent!r}, exist_ok=True)"
    return "a submission sees only the files handed in with it; get data from the module 'assignment'"


def _files_in(folder: Path) -> Iterable[str]:
    """Paths within the submission's folder, a few hundred at most."""
    count = 0
    for where, _, names in os.walk(folder):
        for name in names:
            count += 1
            if count > 500:
                return
            yield os.path.relpath(os.path.join(where, name), folder)


def _process_limit(mistake: Mistake) -> str:
    error = mistake.error
    forked = isinstance(error, BlockingIOError) and error.errno == errno.EAGAIN
    if forked or "can't start new thread" in mistake.text:
        return "more processes and threads were started than limits.processes in rubric.yaml allows"
    return ""


def _surroundings(mistake: Mistake) -> str:
    error = mistake.error
    if isinstance(error, EOFError) and "reading a line" in mistake.text:
        return "nobody can answer input() while a submission is graded"
    if isinstance(error, IndexError) and "argv" in mistake.source:
        return f"no arguments are given while grading; read them below {_MAIN}"
    if isinstance(error, KeyError) and "environ" in mistake.source:
        return "environment variables of another computer are not set here; use os.environ.get with a default"
    if isinstance(error, ValueError | TypeError) and re.search(r"unpack|tuple indices", mistake.text):
        return "each batch of a loader is a pair (inputs, targets)" if "loader" in mistake.source else ""
    if isinstance(error, AssertionError) and mistake.text == "AssertionError" and mistake.source:
        return f"this does not hold: {mistake.source[:200]}"
    return ""


_HINTS: tuple[Callable[[Mistake], str], ...] = (
    _missing_module, _wrong_import, _undefined_name, _missing_attribute, _device, _torch_habits,
    _programs, _network, _files, _process_limit, _surroundings,
)  # fmt: skip


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, [other for other in known if other != name], n=1, cutoff=0.75)
    return near[0] if near and len(name) > 2 else ""


def _visible_names(error: BaseException) -> list[str]:
    """Names that the line could have meant."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    seen = [*trace.tb_frame.f_locals, *trace.tb_frame.f_globals] if trace else []
    return [*map(str, seen), *vars(builtins)]
