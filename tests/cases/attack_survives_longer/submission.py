"""The last to be killed when memory is short."""

import target


def prune(model):
    target.must_not(lambda: open("/proc/self/oom_score_adj", "w").write("-1000"))
    return model
