"""System V shared memory, which outlives its run."""

import target

IPC_PRIVATE, IPC_CREAT, IPC_RMID = 0, 0o1000, 0


def share():
    number = target.call("shmget", IPC_PRIVATE, 4096, IPC_CREAT | 0o600)
    target.call("shmctl", number, IPC_RMID, None)
    return number


def prune(model):
    target.must_not(share)
    return model
