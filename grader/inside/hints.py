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

from grader.inside import packages

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
    r"|[Cc]annot access accelerator|no accelerator|[Ii]nvalid device|Cannot get CUDA generator"
)
_KERNEL_FAULT = re.compile(r"device-side assert|illegal memory access|illegal address|misaligned address|launch failure")
_DEVICE_ERRORS = (AssertionError, RuntimeError, TypeError, ValueError)
_NO_SCREEN = re.compile(r"Qt binding|Cannot load backend|interactive framework|no display|\$DISPLAY|init\.tcl")
_NO_TERMINAL = (errno.ENOTTY, errno.ENXIO)  # of os.get_terminal_size() and os.getlogin()
_WITHOUT_PROGRAMS = "use Python and the listed packages instead"
_NO_SHARING = "on this machine the processes of a submission can't share memory, so work in one"
_REFUSED = re.compile(r"Read-only file system|strerror: Permission denied")  # the latter says torch.save
_EXEC = "(allow.exec in rubric.yaml)"
_INSTALLS = re.compile(r"\b(?:pip3?|conda|ensurepip)\b")
_INSTALLERS = ("pip", "conda", "ensurepip", "pkg_resources", "setuptools")
# What a submission calls where only the call itself, and no file, was denied.
_DENIED_CALLS = (
    (r"\bos\.(?:exec[lv]|posix_spawn|spawn)|\bpty\.", f"submissions can't start programs {_EXEC}"),
    (r"nice|priority|affinity|sched_", "the grader shares the processors out, so leave it out"),
    (r"kill", "a submission can signal its own processes alone"),
    (r"\bchmod\b|\bshutil\.(?:copy|copy2|copytree|move)\b", "rights of files can't be changed here; shutil.copyfile leaves them"),
    (r"\bmmap\.|memfd", "share memory through multiprocessing.shared_memory, or a file"),
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
        reloaded = "spec not found" in mistake.text
        return "leave the reload out" if reloaded else f"the module 'assignment' has {', '.join(ASSIGNMENT_NAMES)}"
    if top in sys.modules or (mistake.folder / top).exists():
        return ""
    listed = [_IMPORT_NAMES.get(name, name) for name in mistake.packages]
    if near := _meant_module(top, listed):
        return f"did you mean {near!r}?"
    importable = f"{', '.join(listed)} (allow.packages in rubric.yaml)"
    if top in _INSTALLERS:
        return f"nothing can be installed while grading; submissions may import {importable}"
    return (
        f"{top!r} is neither a file of the submission nor a package that submissions may import: {importable}; "
        "nothing can be installed while grading"
    )


def _meant_module(name: str, listed: Iterable[str]) -> str:
    """Of Python's own only what is very near: most packages that are not here resemble one."""
    if name.startswith("scikit"):
        return "sklearn"
    return _nearest(name, listed) or _nearest(name, sys.stdlib_module_names, cutoff=0.85)


def _wrong_import(mistake: Mistake) -> str:
    error = mistake.error
    if not isinstance(error, ImportError) or error.name != "assignment":
        return ""
    return f"it has {', '.join(ASSIGNMENT_NAMES)}; the test data stay with the grader"


def _hidden_by_library(mistake: Mistake) -> str:
    """The submission's own module was meant, but a library has its name."""
    error = mistake.error
    owner = error.obj if isinstance(error, AttributeError) else None
    name = getattr(owner, "__name__", "") if isinstance(owner, types.ModuleType) else getattr(error, "name", None)
    top = str(name or "").partition(".")[0]
    if not isinstance(error, ImportError | AttributeError) or not packages.is_library(top):
        return ""
    source = re.compile(rf"(?:.*/)?{re.escape(top)}(?:\.py|/.*\.py)")
    own = next(filter(source.fullmatch, _files_in(mistake.folder)), "")
    return f"'import {top}' gives the library of that name and not the submission's {own}, so rename that" if own else ""


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
    if re.search(r"can't convert \w+(:\d+)? device type tensor to numpy", mistake.text):
        return "the grader runs this on a GPU, where model and data then are: tensor.cpu().numpy() works everywhere"
    if "re-initialize CUDA in forked" in mistake.text:
        return "leave num_workers of the DataLoader at 0: the data are on the GPU already"
    if _KERNEL_FAULT.search(mistake.text):
        return "an index or a shape is wrong somewhere before this line: on the CPU the same code stops where it is"
    if not _NO_DEVICE.search(mistake.text) or not isinstance(
        mistake.error, AssertionError | RuntimeError | ValueError | TypeError
    ):
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
    if mistake.passed_through("/torch/utils/cpp_extension.py") and re.search(r"Ninja|PermissionError", mistake.text):
        return "C++ extensions need programs that are not here, so write it in Python"
    if mistake.passed_through("matplotlib/texmanager.py"):
        return "figures are drawn without the program latex, so leave 'usetex' out"
    if "PermissionError" not in mistake.text:
        return ""
    if mistake.passed_through("/torch/_inductor/", "/torch/_dynamo/"):
        return f"torch.compile starts a compiler, and submissions can't start programs {_EXEC}; leave it out"
    if not mistake.passed_through(subprocess.__file__):
        return ""
    listed = ", ".join(_IMPORT_NAMES.get(name, name) for name in mistake.packages)
    instead = f"what may be imported is there already: {listed}" if _INSTALLS.search(mistake.source) else _WITHOUT_PROGRAMS
    return f"submissions can't start programs {_EXEC}; {instead}"


def _network(mistake: Mistake) -> str:
    if mistake.passed_through("/torch/distributed/"):
        return "submissions run without a network, and so without torch.distributed: train in this one process"
    asks = isinstance(mistake.error, OSError) and type(mistake.error).__module__ in ("socket", "urllib.error")
    if asks or mistake.passed_through("socket.py", "urllib/request.py", "http/client.py") or _NO_NETWORK.search(mistake.text):
        return "submissions run without a network; get data from the module 'assignment'"
    return ""


def _files(mistake: Mistake) -> str:
    error = mistake.error
    if "unable to open shared memory" in mistake.text:
        return _NO_SHARING
    if isinstance(error, PermissionError) or _REFUSED.search(mistake.text):
        return _denied(mistake)
    if not isinstance(error, OSError):
        return ""
    if isinstance(error, FileNotFoundError):
        return _missing_file(str(error.filename or ""), mistake.folder)
    if error.errno in (errno.EFBIG, errno.ENOSPC):
        return "files may hold at most limits.file_bytes in rubric.yaml"
    if error.errno == errno.EMFILE:
        return "too few of the files that it opened were closed; open them in a 'with' block"
    return ""


def _denied(mistake: Mistake) -> str:
    """What the sandbox refused, as far as the exception or the student's own line names it."""
    for call, instead in _DENIED_CALLS:
        if re.search(call, mistake.source):
            return instead
    if mistake.passed_through("/multiprocessing/", "/concurrent/futures/process.py"):
        return _NO_SHARING
    if isinstance(mistake.error, OSError) and mistake.error.filename is None:
        return "the sandbox denied this call, which reaches beyond the submission; leave it out"
    return "the sandbox denied this; a submission may read and write only its own folder, and what the module tempfile gives"


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


def _processes(mistake: Mistake) -> str:
    error = mistake.error
    forked = isinstance(error, BlockingIOError) and error.errno == errno.EAGAIN
    if forked or "can't start new thread" in mistake.text:
        return "more processes and threads were started than limits.processes in rubric.yaml allows"
    if "Can't pickle" in mistake.text:
        return "what other processes run must be a function at the top level of its file, with a name of its own"
    if mistake.passed_through("multiprocessing/resource_sharer.py"):
        return "a tensor can be received only while the process that sent it is running; send its .numpy() instead"
    return ""


def _surroundings(mistake: Mistake) -> str:
    error = mistake.error
    if isinstance(error, EOFError) and ("reading a line" in mistake.text or mistake.passed_through("getpass.py")):
        return "nobody can answer input() while a submission is graded"
    if _NO_SCREEN.search(mistake.text):
        return "there is no screen here, and matplotlib draws into files by itself; leave it out"
    if "find terminal" in mistake.text or (isinstance(error, OSError) and error.errno in _NO_TERMINAL):
        return "there is no terminal here; shutil.get_terminal_size() and getpass.getuser() do without one"
    if isinstance(error, ValueError) and "maximum limit" in mistake.text:
        return "what a submission may use is set in rubric.yaml (limits); leave it out"
    if "unsupported locale" in mistake.text:
        return "the locale here is C.UTF-8 alone; leave it out"
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
    _hidden_by_library, _missing_module, _wrong_import, _undefined_name, _missing_attribute, _device, _torch_habits,
    _programs, _processes, _network, _files, _surroundings,
)  # fmt: skip


def _nearest(name: str, known: Iterable[str], *, cutoff: float = 0.75) -> str:
    near = difflib.get_close_matches(name, [other for other in known if other != name], n=1, cutoff=cutoff)
    return near[0] if near and len(name) > 2 else ""


def _visible_names(error: BaseException) -> list[str]:
    """Names that the line could have meant."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    seen = [*trace.tb_frame.f_locals, *trace.tb_frame.f_globals] if trace else []
    return [*map(str, seen), *vars(builtins)]
