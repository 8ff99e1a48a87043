"""kexec, the one kernel starting another."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.kernel, "kexec_load", 0, 0, None, -1))
    target.must_not(lambda: target.reach(target.kernel, "kexec_file_load", -1, -1, 0, None, -1))
    return model
