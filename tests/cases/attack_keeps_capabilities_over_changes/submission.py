"""The rules by which a change of users takes capabilities away."""

import target

PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP = 28, 4


def prune(model):
    target.must_not(lambda: target.call("prctl", PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    return model
