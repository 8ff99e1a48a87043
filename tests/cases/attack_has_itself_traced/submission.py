"""Make the warden its debugger, which would have to let it go on after each signal, and does not know."""

import target

PTRACE_TRACEME = 0


def prune(model):
    target.must_not(lambda: target.call("ptrace", PTRACE_TRACEME, 0, None, None))
    return model
