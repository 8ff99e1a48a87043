"""setdomainname with a length that no name has."""

import target


def prune(model):
    target.must_not(lambda: target.reach(target.call, "setdomainname", b"prunegrade", -1))
    return model
