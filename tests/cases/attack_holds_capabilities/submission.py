"""What it holds already, or could get back. One it may hold, without namespaces and with an interpreter in root's home."""

import target

CAP_DAC_READ_SEARCH = 1 << 2


def held():
    with open("/proc/self/status") as status:
        sets = dict(line.split() for line in status if line.startswith("Cap"))
    return [name for name in ("CapPrm:", "CapEff:", "CapInh:", "CapAmb:") if int(sets[name], 16) & ~CAP_DAC_READ_SEARCH][0]


def prune(model):
    target.must_not(held)
    return model
