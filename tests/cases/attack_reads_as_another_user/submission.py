"""setfsuid never fails. What it says the second time is what it did the first."""

import target


def become():
    target.libc.setfsuid(23456)
    if target.libc.setfsuid(-1) != 23456:
        raise PermissionError


def prune(model):
    target.must_not(become)
    return model
