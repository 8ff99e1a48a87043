"""What your submission imports, for your own Python: the same names as in the grader, with the public data of this folder.

    from assignment import *

The data are made or read when they are first used, which takes a second or two. Don't hand this file in: the grader has its own.
"""

import sys
from pathlib import Path

try:
    from grader.inside import assignment as served
    from grader.kits import outside
except ModuleNotFoundError as missing:
    wheel = next((path.name for path in sorted(Path(__file__).parent.glob("prunegrade-*.whl"))), "prunegrade-*.whl")
    raise ModuleNotFoundError(
        f"{missing.name} is not installed for this Python ({sys.executable}): run 'python check.py' once and use .venv, "
        f"or install it with 'pip install {wheel}'",
        name=missing.name,
    ) from None

outside.serve(served, Path(__file__).resolve().parent)
sys.modules[__name__] = served
