"""A key in a keyring of its own process's."""

import target

KEY_SPEC_PROCESS_KEYRING = -2


def prune(model):
    target.must_not(lambda: target.kernel("add_key", b"user", b"prunegrade", b"x", 1, KEY_SPEC_PROCESS_KEYRING))
    return model
