"""/proc/kallsyms, a map for whoever attacks the kernel."""

import target


def prune(model):
    target.must_not(lambda: open("/proc/kallsyms").readline())
    return model
