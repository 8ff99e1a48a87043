"""The task's instances: their data, their trained models, and the secret that only the instructor holds.

A built-in instance comes from a seed (see ``generator``). The public one's seed stands in the rubric and its trained
model is shipped; its *hidden split* and the further *hidden instances* come from ``home/secret``, which is created on
first use and never leaves ``home``. Without the secret nothing hidden can be regenerated; with it everything can, so
``home/hidden`` and ``home/public`` are caches that may be deleted. An instructor may use own data instead.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from grader import generator, owndata
from grader.errors import GraderError, UsageError, unusable, unwritable
from grader.formulas import PARAMETER_SHAPES
from grader.rubric import Rubric

Float32 = NDArray[np.float32]
Arrays = dict[str, Float32]
Progress = Callable[[str, float], None]  # name of the instance being built, share that is done (0 to 1)

SHIPPED_SEED = 11  # the public seed whose trained model is reference/model.safetensors
SECRET_BYTES = 32
_ANOTHER_HOME = "give yourself access, or name another folder by the variable PRUNEGRADE_HOME"
_SECRET = re.compile(rf"[0-9a-f]{{{2 * SECRET_BYTES}}}", re.IGNORECASE)
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
_SPLIT_SAMPLES = {
    "train": generator.TRAIN_SAMPLES,
    "validation": generator.VALIDATION_SAMPLES,
    "hidden": generator.HIDDEN_SAMPLES,
}


@dataclass(frozen=True, eq=False)
class Split:
    """Samples in order: float32 inputs (n, 128) and targets (n, 10)."""

    inputs: Float32
    targets: Float32


@dataclass(frozen=True, eq=False)
class Instance:
    """One problem: data, and the trained model that ``prune`` gets. ``hidden`` is None in a student's self-check."""

    name: str  # "public", "hidden-1", ...
    train: Split
    validation: Split
    hidden: Split | None
    model: Mapping[str, Float32]  # the four parameters by name, in model order
    digest: str  # SHA-256 over generator version, data and model

    def public_arrays(self) -> dict[str, Float32]:
        """What a submission gets to see: training and validation split, and the model's parameters."""
        return {
            "train.X": self.train.inputs,
            "train.Y": self.train.targets,
            "validation.X": self.validation.inputs,
            "validation.Y": self.validation.targets,
            **self.model,
        }


@dataclass(frozen=True, eq=False)
class Task:
    """All instances that a submission is graded on, the public one first."""

    instances: tuple[Instance, ...]
    digest: str  # SHA-256 over the instances' digests


def load(
    rubric: Rubric, rubric_dir: Path, home: Path, progress: Progress = lambda name, done: None, train_on: str = "cpu"
) -> Task:
    """Everything that hidden grading needs; builds what is missing in ``home`` (about 6 s per hidden instance, once).

    ``train_on`` is the device of torch's for the hidden models that are missing.
    Raises UsageError for unusable own data, or a secret that others can read; GraderError if the cache can't be written.
    """
    if rubric.task.files:
        instances = [_own(rubric, rubric_dir, hidden=True)]
    else:
        secret = _open_secret(home)
        instances = [_public_with_hidden(_public_seed(rubric), secret, home, progress)]
        for number in range(1, rubric.instances.hidden + 1):
            instances.append(_hidden(number, secret, home, progress, train_on))
    digest = hashlib.sha256("".join(instance.digest for instance in instances).encode()).hexdigest()
    return Task(tuple(instances), digest)


def public(rubric: Rubric, rubric_dir: Path, home: Path, progress: Progress = lambda name, done: None) -> Instance:
    """The public instance for a student's self-check: needs no secret, has no hidden split, works in a read-only ``home``."""
    if rubric.task.files:
        return _own(rubric, rubric_dir, hidden=False)
    return _instance("public", _public_arrays(_public_seed(rubric), home, progress))


def public_cache(rubric: Rubric, home: Path, progress: Progress = lambda name, done: None) -> tuple[str, bytes] | None:
    """The cache entry of a public model that is not shipped, so that others have the same: (path below ``home``, bytes)."""
    seed = rubric.task.public_seed
    if seed is None or seed == SHIPPED_SEED:
        return None
    return _public_entry(seed, None), _entry_bytes(_public_arrays(seed, home, progress))


def packed(instance: Instance) -> bytes:
    """The instance as one block of bytes, for a machine that must grade on exactly these data and this model."""
    arrays = instance.public_arrays()
    if instance.hidden:
        arrays |= {"hidden.X": instance.hidden.inputs, "hidden.Y": instance.hidden.targets}
    return safetensors.numpy.save(arrays, {"name": instance.name, "digest": instance.digest})


def unpacked(content: bytes) -> Instance:
    """The inverse of ``packed``."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    sealed = _Sealed(safetensors.numpy.load(content), {})
    return replace(_instance(header["name"], sealed), digest=header["digest"])


def reference_folder() -> Path:
    """Where the reference solution, the ladder and the shipped model lie: in a checkout, else in the installed package."""
    checkout = Path(__file__).parent.parent / "reference"
    return checkout if checkout.is_dir() else Path(__file__).parent / "reference"


def shipped_model() -> Arrays:
    """The public instance's trained model from reference/model.safetensors. Raises GraderError if that is damaged."""
    try:
        return owndata.read_model(reference_folder() / "model.safetensors")
    except UsageError as error:
        raise GraderError(f"this installation is damaged: {error}") from None


def write_shipped_model(path: Path) -> None:
    """Train the model of the public seed 11 and write it to ``path``. Only needed when the generator changes."""
    inputs, targets = generator.draw_split(
        generator.draw_function(SHIPPED_SEED), generator.TRAIN_SAMPLES, SHIPPED_SEED, generator.TRAIN
    )
    model = generator.train_model(SHIPPED_SEED, inputs, targets)
    origin = f"generator version {generator.VERSION}, public seed {SHIPPED_SEED}"
    path.write_bytes(safetensors.numpy.save(model, {"origin": origin}))


# The built-in instances


def _public_seed(rubric: Rubric) -> int:
    assert rubric.task.public_seed is not None  # the rubric holds a seed or files
    return rubric.task.public_seed


def _public_arrays(seed: int, home: Path, progress: Progress) -> _Sealed:
    """Training and validation split and the model of the public seed; cached where ``home`` can be written."""
    model = shipped_model() if seed == SHIPPED_SEED else None

    def build() -> Arrays:
        return _build(seed, model, lambda done: progress("public", done))

    return _cached(home / _public_entry(seed, model), build, required=False)


def _public_entry(seed: int, model: Arrays | None) -> str:
    """Where the public instance is cached, below ``home``."""
    key = _hash(generator.VERSION, str(seed), *(_seal(model).digests.values() if model else ()))[:16]
    return f"public/public-{key}.safetensors"


def _public_with_hidden(seed: int, secret: bytes, home: Path, progress: Progress) -> Instance:
    known = _public_arrays(seed, home, progress)

    def build() -> Arrays:
        return _draw(generator.draw_function(seed), "hidden", *_hidden_key(seed, secret))

    hidden = _cached(_hidden_path(home, secret, "public", str(seed)), build)
    return _instance("public", _Sealed(known.arrays | hidden.arrays, known.digests | hidden.digests))


def _hidden(number: int, secret: bytes, home: Path, progress: Progress, train_on: str) -> Instance:
    """Hidden instance ``number``, counted from 1: function, data and model are all derived from the secret."""
    name = f"hidden-{number}"
    seed = int.from_bytes(hmac.digest(secret, f"instance{number}".encode(), "sha256"), "big")

    def build() -> Arrays:
        return _build(seed, None, lambda done: progress(name, done), _hidden_key(seed, secret), train_on)

    return _instance(name, _cached(_hidden_path(home, secret, name), build))


def _hidden_key(seed: int, secret: bytes) -> tuple[int, ...]:
    return (seed, generator.HIDDEN, int.from_bytes(secret, "big"))


def _build(
    seed: int,
    model: Arrays | None,
    progress: Callable[[float], None],
    hidden_key: tuple[int, ...] | None = None,
    train_on: str = "cpu",
) -> Arrays:
    """Draw the splits of a seed, the hidden one if there is a key for it, and train its model unless it is given."""
    progress(0.0)
    function = generator.draw_function(seed)
    arrays = _draw(function, "train", seed, generator.TRAIN) | _draw(function, "validation", seed, generator.VALIDATION)
    if hidden_key:
        arrays |= _draw(function, "hidden", *hidden_key)
    if model is None:
        model = generator.train_model(seed, arrays["train.X"], arrays["train.Y"], progress, train_on)
    progress(1.0)
    return arrays | model


def _draw(function: generator.Function, split: str, *key: int) -> Arrays:
    inputs, targets = generator.draw_split(function, _SPLIT_SAMPLES[split], *key)
    return {f"{split}.X": inputs, f"{split}.Y": targets}


def _instance(name: str, sealed: _Sealed) -> Instance:
    """Put an instance together from arrays named train.X, train.Y, ..., and the four parameters."""
    arrays = sealed.arrays
    splits = {part: Split(arrays[f"{part}.X"], arrays[f"{part}.Y"]) for part in _SPLIT_SAMPLES if f"{part}.X" in arrays}
    return Instance(
        name,
        splits["train"],
        splits["validation"],
        splits.get("hidden"),
        {parameter: arrays[parameter] for parameter in PARAMETER_SHAPES},
        _hash(generator.VERSION, *(part for array in sorted(sealed.digests.items()) for part in array)),
    )


def _own(rubric: Rubric, rubric_dir: Path, hidden: bool) -> Instance:
    """An instructor's own data as the public instance. A student's copy need not have the hidden file."""
    files = rubric.task.files
    assert files is not None
    paths = {"train": files.train, "validation": files.validation} | ({"hidden": files.hidden} if hidden else {})
    arrays: Arrays = {}
    for part, name in paths.items():
        arrays[f"{part}.X"], arrays[f"{part}.Y"] = owndata.read_split(rubric_dir / name)
    return _instance("public", _seal(arrays | owndata.read_model(rubric_dir / files.model)))


# The secret


def _open_secret(home: Path) -> bytes:
    """The instructor's 256 random bits from ``home/secret``, created on first use; also closes ``home`` to others."""
    for folder in (home, home / "hidden", home / "public"):  # nobody else may plant public data either
        _private_folder(folder)
    path = home / "secret"
    _create_secret(path)
    for _ in range(20):
        text = _read_secret(path)
        if text:
            break
        time.sleep(0.05)  # another grader has just created it and is about to write
    if not _SECRET.fullmatch(text):
        raise UsageError(
            f"{path}: expected {2 * SECRET_BYTES} hexadecimal digits, found something else; restore the file, or remove it "
            "to get new hidden data (earlier grades are then not comparable)"
        )
    return bytes.fromhex(text)


def pseudonym_key(home: Path) -> bytes:
    """What a leaderboard's pseudonyms follow from: the same as long as ``home`` keeps its secret, and not the secret itself."""
    return hmac.digest(_open_secret(home), b"leaderboard pseudonyms", "sha256")


def _create_secret(path: Path) -> None:
    with _refused(path, "can't be created"):
        try:
            # O_EXCL: of two graders that start at once, one creates the secret and both use it.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        except FileExistsError:
            return
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(SECRET_BYTES) + "\n")
                file.flush()
                os.fsync(descriptor)
        except BaseException:
            os.unlink(path)  # half a secret on a full disk would be refused for ever after
            raise


def _read_secret(path: Path) -> str:
    with _refused(path, "can't be read"):
        # O_NONBLOCK: a named pipe in its place must not stop the grader
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            _close_to_others(descriptor, path, PRIVATE_FILE)
            return (file.read(4096) or b"").decode("ascii", errors="replace").strip()


def _private_folder(path: Path) -> None:
    with _refused(path, "can't be used as the grader's private folder"):
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _close_to_others(descriptor, path, PRIVATE_FOLDER)
        finally:
            os.close(descriptor)


def _close_to_others(descriptor: int, path: Path, mode: int) -> None:
    """Take everybody else's access away; refuse where that is not in our power."""
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid():
        raise UsageError(
            f"{path} belongs to user {found.st_uid}, expected user {os.geteuid()}, who runs the grader; "
            "the secret must be nobody else's: change the owner, or remove it"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, mode)
        left = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if left & 0o077:
            raise UsageError(
                f"{path} is open to other users (mode {left:o}) and can't be closed to {mode:o}; "
                "the secret needs a file system with permissions"
            )


@contextlib.contextmanager
def _refused(path: Path, what: str) -> Iterator[None]:
    """Turns an OSError about a path of the user's choice into one sentence."""
    try:
        yield
    except OSError as error:
        later = "make room and run the same command again"
        raise unusable(path, what, error, instead=_ANOTHER_HOME, later=later) from None


def _hidden_path(home: Path, secret: bytes, name: str, *also: str) -> Path:
    key = hmac.digest(secret, "\0".join(("cache", generator.VERSION, name, *also)).encode(), "sha256").hex()[:16]
    return home / "hidden" / f"{name}-{key}.safetensors"


# The cache: one safetensors file per entry, each array's SHA-256 in its metadata


@dataclass(frozen=True, eq=False)
class _Sealed:
    """Arrays with the SHA-256 of each one, so that no byte is hashed twice: once to trust the cache is enough."""

    arrays: Arrays
    digests: dict[str, str]


def _seal(arrays: Arrays) -> _Sealed:
    return _Sealed(arrays, {name: _array_digest(array) for name, array in arrays.items()})


def _array_digest(array: Float32) -> str:
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _cached(path: Path, build: Callable[[], Arrays], required: bool = True) -> _Sealed:
    """The entry at ``path``; built, and written if possible, where it is missing or not what was written."""
    found = _read_entry(path)
    if found:
        return found
    built = _seal(build())
    try:
        _write_entry(path, built)
    except OSError as error:
        if required:  # a hidden instance that is not kept would be trained again by every command
            raise unwritable(path, error, instead=_ANOTHER_HOME) from None
    return built


def _entry_bytes(sealed: _Sealed) -> bytes:
    # One value: with several, their order and so the file's bytes would differ from run to run.
    written: bytes = safetensors.numpy.save(sealed.arrays, {"digests": json.dumps(sealed.digests, sort_keys=True)})
    return written


def _read_entry(path: Path) -> _Sealed | None:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            digests = json.loads((file.metadata() or {})["digests"])
            sealed = _seal({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 (not a dict)
    except (OSError, safetensors.SafetensorError, ValueError, KeyError):
        return None
    return sealed if sealed.digests == digests else None


def _write_entry(path: Path, sealed: _Sealed) -> None:
    """Write beside the target and rename: a reader sees the old bytes or the new ones, never a part."""
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".part")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_entry_bytes(sealed))
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
