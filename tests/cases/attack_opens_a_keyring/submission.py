"""The kernel's keyrings, one of which belongs to its user rather than to its run."""

import target

KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING = 0, -4


def prune(model):
    target.must_not(lambda: target.kernel("keyctl", KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1))
    return model
