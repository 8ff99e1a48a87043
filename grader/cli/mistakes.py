"""Wrong options and arguments in the project's own words: what was expected, what came, and where to look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grader.cli.manners import NAME

_NUMBERS = {int: "a whole number", float: "a number"}


def told(error: Exception, command: str) -> str | None:
    """The sentence for an error of typer's parser, None for any other. ``command`` is what was called, as far as it is known."""
    worded = getattr(error, "format_message", None)
    if worded is None:
        return None
    found = _of_a_value(error) or _lowered(worded().rstrip(".")).replace(". Choose from:", ": expected")
    return f"{found}; see '{getattr(getattr(error, 'ctx', None), 'command_path', command)} --help'"


def command_of(arguments: Sequence[str], commands: Sequence[str]) -> str:
    """How the command is called that these arguments name: the parser forgets it where an option lacks its value."""
    return f"{NAME} {arguments[0]}" if arguments and arguments[0] in commands else NAME


def _of_a_value(error: Exception) -> str | None:
    """Of a value that is no number, out of bounds or none of the choices. The bounds are those that the option declares."""
    declared = getattr(getattr(error, "param", None), "type_descriptor", None)
    details = getattr(error.__cause__, "errors", None)
    if declared is None or details is None:
        return None
    expected = _choice(declared.choices) if declared.choices else _number(declared)
    return f"{_name(error)} {details()[0]['input']}: expected {expected}" if expected else None


def _name(error: Any) -> str:
    """The option as it is written, or the argument as its help has it."""
    options: list[str] = error.param.opts if error.param.param_type_name == "option" else [error.param.name.upper()]
    return max(options, key=len)


def _choice(choices: Sequence[Any]) -> str:
    *others, last = (str(getattr(one, "value", one)) for one in choices)
    return f"{', '.join(others)} or {last}" if others else last


def _number(declared: Any) -> str | None:
    kind = next((words for number, words in _NUMBERS.items() if number in _types(declared.annotation)), None)
    least, most = declared.parameter_info.min, declared.parameter_info.max
    if kind is None:
        return None
    if least is not None and most is not None:
        return f"{kind} from {least} to {most}"
    return f"{kind} of at least {least}" if least is not None else f"{kind} of at most {most}" if most is not None else kind


def _types(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *getattr(annotation, "__args__", ()))


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
