"""Every command's manners in a shell: help with examples, completion, colour where it is wanted, a sentence for a mistake."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import ROOT, environment, program, rubric_file, run_program
from test_remark import changed, stored
from test_report import graded, submission

from grader.cli.manners import help_of
from grader.cli.program import app

COMMANDS = {command.callback.__name__: command.callback for command in app.registered_commands if command.callback}
SCHEMAS = ROOT / "grader" / "report" / "schemas"
WANTED = {"TERM": "xterm-256color", "GITHUB_ACTIONS": "true", "COLUMNS": "80"}  # typer itself would colour the second one's pipes


def on_a_terminal(*arguments: str, **env: str) -> tuple[int, str]:
    """Exit status, and all that a terminal got to see."""
    keeper, terminal = pty.openpty()
    with subprocess.Popen(
        program(*arguments),
        env=environment(None, **WANTED, **env),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as running:
        os.close(terminal)
        seen = b""
        try:
            while data := os.read(keeper, 1 << 16):
                seen += data
        except OSError:  # so ends a terminal whose last program has left
            pass
    os.close(keeper)
    return running.returncode, seen.decode()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_in_a_pipe_is_plain_and_shows_each_example_on_a_line_of_its_own(command: str) -> None:
    shown = run_program(command, "--help", env=WANTED).stdout
    lines = [line.rstrip() for line in shown.splitlines()]
    examples = re.findall(r"^ *Example: (.*)", COMMANDS[command].__doc__ or "", re.M)
    assert examples and all(f" $ {example}" in lines for example in examples)
    assert "\x1b" not in shown and max(map(len, lines)) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_paragraphs_of_help_wrap_where_the_terminal_ends(command: str) -> None:
    prose = help_of(COMMANDS[command]).partition("\n\nExample")[0]
    assert prose and "\n" not in prose.replace("\n\n", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_option_gets_one_plain_sentence(command: str) -> None:
    done = run_program(command, "--no-such-option", env=WANTED)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"grade.py: no such option: --no-such-option; see 'grade.py {command} --help'\n"


@pytest.mark.parametrize("command", [one if one == "check" else pytest.param(one, marks=pytest.mark.long) for one in COMMANDS])
def test_nothing_but_text_comes_to_a_terminal_that_wants_no_colour(command: str) -> None:
    for words, status in (("--help", 0), ("--no-such-option", 2)):
        ended, seen = on_a_terminal(command, words, NO_COLOR="1")
        assert ended == status and seen and "\x1b" not in seen


def test_a_terminal_that_says_nothing_gets_colour_and_so_does_an_empty_no_color() -> None:
    assert "\x1b[" in on_a_terminal("init", "--help")[1]
    assert "\x1b[" in on_a_terminal("init", "--help", NO_COLOR="")[1]


# --- under the installed name -----------------------------------------------------------------------------------------


def bash(script: str, installed: Path, tmp_path: Path) -> str:
    env = environment(None, HOME=str(tmp_path), PATH=f"{installed.parent}:{os.environ['PATH']}")
    done = subprocess.run(["bash", "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


COMPLETED = """
eval "$(prunegrade --show-completion)"
COMP_WORDS=({words}); COMP_CWORD={place}
$(complete -p prunegrade | sed -E 's/.*-F ([^ ]+) .*/\\1/') prunegrade
echo "${{COMPREPLY[@]}}"
"""


def test_bash_completes_commands_options_and_values(installed: Path, tmp_path: Path) -> None:
    def completed(words: str) -> list[str]:
        script = COMPLETED.format(words=words, place=len(words.split()) - 1)
        return bash(script, installed, tmp_path).split()

    assert completed("prunegrade c") == ["check", "calibrate"]
    assert "--roster" in completed("prunegrade batch --ro")
    assert completed("prunegrade kit gi") == ["github", "gitlab"]


def test_the_installed_program_goes_by_its_own_name(installed: Path, tmp_path: Path) -> None:
    assert "$ prunegrade remark reports/" in bash("prunegrade remark --help", installed, tmp_path)
    assert "'prunegrade FOLDER' grades" in bash("prunegrade --help", installed, tmp_path)
    said = bash("prunegrade check 2>&1 || true", installed, tmp_path)
    assert said == "prunegrade: missing argument 'path'; see 'prunegrade check --help'\n"


def test_completion_is_for_a_command_that_a_shell_can_find(installed: Path, tmp_path: Path) -> None:
    for option in ("--install-completion", "--show-completion"):
        done = run_program(option)
        said = f"completion is for the installed 'prunegrade', this is 'grade.py'; use 'prunegrade {option}'\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"grade.py: {option}: {said}")
    assert "expected nothing after --show-completion" in bash(
        "prunegrade --show-completion zsh 2>&1 || true", installed, tmp_path
    )


# --- JSON -------------------------------------------------------------------------------------------------------------


def fits(text: str, schema: str) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(text)
    jsonschema.validate(found, json.loads((SCHEMAS / schema).read_text()))
    return found


def test_remark_says_as_json_which_keys_and_whose_points_have_changed(tmp_path: Path) -> None:
    out, rubric = tmp_path / "out", rubric_file(tmp_path, instances={"hidden": 1})
    stored(out, rubric, submission(graded("public", mse=60.0), graded("hidden-1", mse=62.0)))
    done = run_program("remark", out, "--rubric", changed(rubric, points={"upper": 0.9}), "--json")
    found = fits(done.stdout, "remarked.schema.json")
    assert found["changed"] == [{"key": "points.upper", "before": 0.95, "after": 0.9}]
    (move,) = found["moves"]
    assert move["student"] == "ada" and move["after"] > move["before"] and found["submissions"] == 1


def test_init_says_as_json_what_is_ready_and_where(home: Path, tmp_path: Path) -> None:
    done = run_program("init", "--rubric", rubric_file(tmp_path, instances={"hidden": 1}), "--json", home=home)
    found = fits(done.stdout, "prepared.schema.json")
    assert found["instances"] == ["public", "hidden-1"] and found["home"] == str(home)
    assert re.fullmatch("[0-9a-f]{64}", found["task_digest"])
