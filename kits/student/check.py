#!/usr/bin/env python3
"""Checks your prune.py as the official run does, on the public validation data: ``python check.py [FILE] [OPTION...]``.

The first time it makes the folder .venv and installs the grader there, with PyTorch: a download of some hundred megabytes
from the package index that pip is set up for. Where the grader is installed already, it is used as it is. Needs Python 3.11
or newer with venv (on Debian and Ubuntu: apt install python3-venv); confinement needs Linux.
"""

import os
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

KIT = Path(__file__).resolve().parent
ENVIRONMENT = KIT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
CHECK = "import sys; from grader.cli.program import main; sys.argv[0] = 'check.py'; main()"


def main() -> int:
    if sys.version_info < (3, 11):
        print(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    python = Path(sys.executable)
    if not all(find_spec(name) for name in ("grader", "torch", "typer")):
        python = PYTHON
        try:
            set_up()
        except (OSError, subprocess.SubprocessError) as error:
            print(f"the grader could not be installed: {error}", file=sys.stderr)
            return 3
    arguments = sys.argv[1:]
    if not arguments or arguments[0].startswith("-"):
        arguments.insert(0, str(KIT / "prune.py"))
    rubric = [] if "--rubric" in arguments else ["--rubric", str(KIT / "rubric.yaml")]
    return subprocess.run([python, "-c", CHECK, "check", *arguments, *rubric]).returncode


def set_up() -> None:
    """The virtual environment beside this file, once; what an interrupted set-up left is completed."""
    ready = ENVIRONMENT / ".ready"
    (wheel,) = KIT.glob("prunegrade-*.whl")
    if ready.is_file() and ready.read_text() == wheel.name:
        return
    print("setting up .venv, once; this downloads PyTorch and takes a few minutes", file=sys.stderr)
    venv.create(ENVIRONMENT, with_pip=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-c", KIT / "constraints.txt", f"{wheel}[packages]"], check=True)
    ready.write_text(wheel.name)


if __name__ == "__main__":
    sys.exit(main())
