"""Reads YAML that a person wrote, within bounds, and says in one sentence what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from grader.errors import UsageError

MAX_BYTES = 1 << 18  # of a file, and of what its aliases (*name) stand for, written out: nine lines of them can hold billions


class Section(BaseModel):
    """A group of keys: no other ones, and no value that is only nearly of its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Checked = TypeVar("Checked", bound=BaseModel)


def read(path: Path, advice: str) -> Any:
    """What a file says, as plain Python values. Raises UsageError with one sentence; ``advice`` is for a file that is missing."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; {advice}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{path}: can't be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: expected a file of at most {MAX_BYTES >> 10} KiB, found a larger file")
    try:
        return yaml.load(text, Loader=_UniqueKeyLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or "this is not YAML"
        raise UsageError(f"{path}:{where} {problem}") from None
    except Exception as error:  # PyYAML's constructors raise what their Python raises, such as a KeyError for '!!bool maybe'
        reason = f"a value that is not of its kind ({type(error).__name__})"
        raise UsageError(f"{path}: {'nested too deeply' if isinstance(error, RecursionError) else reason}") from None


def written(values: Any) -> str:
    """Plain values as YAML, in their order."""
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def checked(found: Any, model: type[Checked], where: str, name: str) -> Checked:
    """The values as a ``model``, which a message calls ``name``. Raises UsageError: key, what was expected, what came."""
    try:
        # Strict JSON mode: no string is taken for a number, but a YAML list is taken for a tuple.
        return model.model_validate_json(_json(found, where), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] != "json_invalid":
            raise UsageError(f"{where}: {_sentence(first, model, name)}") from None
    except (ValueError, RecursionError, TypeError):
        pass
    raise UsageError(f"{where}: expected plain keys and finite values, found something that JSON can't hold")


def _json(found: Any, where: str) -> str:
    text = ""
    for piece in json.JSONEncoder(default=str).iterencode(found):  # piece by piece, to stop while it is small
        text += piece
        if len(text) > 4 * MAX_BYTES:
            raise UsageError(f"{where}: its aliases (*name) stand for too much; write out what is meant")
    return text


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML takes the last of two equal keys in silence; a rubric must not."""


def _construct_unique_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, Hashable) and key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        if isinstance(key, Hashable):
            seen.add(key)
    return loader.construct_mapping(node, deep=True)


def _refuse_tag(loader: _UniqueKeyLoader, node: yaml.Node) -> None:
    tag = node.tag.replace("tag:yaml.org,2002:", "!!")[:60]
    raise yaml.constructor.ConstructorError(None, None, f"{tag!r}: tags are not allowed; write plain values", node.start_mark)


_UniqueKeyLoader.add_constructor(None, _refuse_tag)
_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_unique_mapping)


def _sentence(error: ErrorDetails, root: type[BaseModel], name: str) -> str:
    """One pydantic error as the project words it: key, what was found, what was expected."""
    key = _key(error["loc"]) or name
    if error["type"] == "union_tag_invalid":
        return f"{key}.kind is {error['ctx']['tag']!r}, expected {error['ctx']['expected_tags']}"
    kind, context, found = error["type"], error.get("ctx", {}), shown(error["input"])
    if kind == "extra_forbidden":
        return f"{key} is not a key of {name}; {_known_keys(error['loc'], root)}"
    if kind == "missing":
        return f"{key} is missing"
    if kind == "value_error":
        text = str(context.get("error", error["msg"]))
        if text.count("|") == 2:
            inner, came, wanted = text.split("|")
            return f"{f'{key}.' if error['loc'] else ''}{inner} is {came}, expected {wanted}"
        return f"{key}: {text}"
    expected = {
        "greater_than": "a number above {gt}",
        "greater_than_equal": "a number of at least {ge}",
        "less_than": "a number below {lt}",
        "less_than_equal": "a number of at most {le}",
        "finite_number": "a finite number",
        "literal_error": "{expected}",
        "expected": "{expected}",  # of a validator of our own
        "string_pattern_mismatch": "auto, cpu, cuda or cuda:N,M" if key == "device" else "a package name such as 'scikit-learn'",
        "string_too_short": "some text",
        "string_too_long": "a shorter text",
        "int_from_float": "a whole number",
        "union_tag_not_found": "a key 'kind': threshold, beats_reference or manual",
    }.get(kind)
    if expected is None:
        words = {
            "int": "a whole number",
            "float": "a number",
            "bool": "true or false",
            "string": "text",
            "tuple": "a list",
            "model": "keys and values",
        }
        expected = words.get(kind.partition("_")[0]) or error["msg"].removeprefix("Input should be ").lower()
    return f"{key} is {found}, expected {expected.format(**context)}"


def _key(location: tuple[int | str, ...]) -> str:
    kinds = {"threshold", "beats_reference", "manual"}
    parts = [str(part) for index, part in enumerate(location) if not (index and part in kinds)]
    return ".".join(part if part.isprintable() and len(part) <= 60 else shown(part) for part in parts)


def _known_keys(location: tuple[int | str, ...], root: type[BaseModel]) -> str:
    section: type[BaseModel] | None = root
    for part in location[:-1]:
        if isinstance(part, str) and section is not None:
            field = section.model_fields.get(part)
            section = _section_in(field.annotation) if field else None
    return f"expected one of {', '.join(section.model_fields)}" if section else "see docs/rubric.md for the keys"


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The only Section that a value so annotated may be, if there is one."""
    found = [one for one in (annotation, *get_args(annotation)) if isinstance(one, type) and issubclass(one, Section)]
    return found[0] if len(found) == 1 else None


def shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a group of keys"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
