"""Write its own map of users, and the permission to have groups. The kernel lets nobody do so a second time."""

import target


def prune(model):
    target.must_not(lambda: open("/proc/self/setgroups", "w").write("allow"))
    target.must_not(lambda: open("/proc/self/uid_map", "w").write("0 0 1\n"))
    return model
