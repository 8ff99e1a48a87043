#!/usr/bin/env python3
"""Checks your prune.py as the official run does, on the public validation data: ``python check.py [FILE] [OPTION...]``.

The first time it makes the folder .venv and installs the grader there, with PyTorch, from the package index that pip is set up
for. On Linux that is PyTorch's build for GPUs, a download of several gigabytes; where the variable TORCH_INDEX holds the address
of the builds for CPUs (PyTorch's install page shows it for Linux, Pip and CPU), it is some hundred megabytes, as on macOS and
Windows. Where the grader is installed already, it is used as it is. Needs Python 3.11 or newer with venv (on Debian and Ubuntu:
apt install python3-venv); confinement needs Linux.
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
CHECK = "import sys; sys.argv[0] = 'check.py'; from grader.cli.program import main; main()"  # which knows it by this name
NEEDED = "needed are the network, room on the disk and Python's venv (on Debian and Ubuntu: apt install python3-venv)"


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
            print(f"the grader could not be installed: {error}; {NEEDED}", file=sys.stderr)
            return 3
    arguments = sys.argv[1:]
    if not arguments or arguments[0].startswith("-"):
        arguments.insert(0, str(KIT / "prune.py"))
    rubric = ["--rubric", str(KIT / "rubric.yaml")]  # first, so that another one counts
    return subprocess.run([python, "-c", CHECK, *rubric, *arguments]).returncode


def set_up() -> None:
    """The virtual environment beside this file, once; what an interrupted set-up left is completed."""
    ready = ENVIRONMENT / ".ready"
    (wheel,) = KIT.glob("prunegrade-*.whl")
    if ready.is_file() and ready.read_text() == wheel.name:
        return
    index = os.environ.get("TORCH_INDEX", "")
    large = sys.platform == "linux" and not index
    size = "several gigabytes, see TORCH_INDEX in README.md" if large else "some hundred megabytes"
    print(f"setting up .venv, once; this downloads PyTorch ({size}) and takes a few minutes", file=sys.stderr)
    venv.create(ENVIRONMENT, with_pip=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", KIT / "constraints.txt"]
    if index:
        subprocess.run([*pip, "--index-url", index, "torch"], check=True)
    subprocess.run([*pip, f"{wheel}[packages]"], check=True)
    ready.write_text(wheel.name)


if __name__ == "__main__":
    sys.exit(main())
