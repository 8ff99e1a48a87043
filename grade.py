#!/usr/bin/env python3
"""The grader from a checkout: ``python grade.py --help`` lists the commands. See :mod:`grader.cli`."""

import signal
import sys

try:
    from grader.cli.program import main
except ModuleNotFoundError as missing:
    sys.exit(f"the package {missing.name!r} is not installed for this Python: run 'make setup' and use .venv/bin/python")
except KeyboardInterrupt:  # while torch loads
    sys.exit(128 + signal.SIGINT)

if __name__ == "__main__":
    main()
