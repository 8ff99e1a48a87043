"""Make a process outside the kernel's first victim when memory is short."""

import target


def prune(model):
    target.must_not(lambda: open(f"/proc/{target.PID}/oom_score_adj", "w").write("500"))
    return model
