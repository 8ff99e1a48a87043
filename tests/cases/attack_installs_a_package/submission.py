"""pip, within the interpreter itself."""

import runpy
import sys

import target


def install():
    sys.argv = ["pip", "install", "--quiet", "--no-input", "prunegrade-no-such-package"]
    try:
        runpy.run_module("pip", run_name="__main__")
    except (SystemExit, ImportError) as end:
        if not isinstance(end, SystemExit) or end.code:
            raise PermissionError from None


def prune(model):
    target.must_not(install)
    return model
