"""Memory that can be read is then code that can be run, and lies at known addresses."""

import target

READ_IMPLIES_EXEC, ADDR_NO_RANDOMIZE = 0x0400000, 0x0040000


def prune(model):
    target.must_not(lambda: target.call("personality", READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE))
    return model
