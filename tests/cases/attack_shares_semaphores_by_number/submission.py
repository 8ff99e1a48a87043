"""System V semaphores, which outlive their run."""

import target

IPC_PRIVATE, IPC_CREAT, IPC_RMID = 0, 0o1000, 0


def share():
    number = target.call("semget", IPC_PRIVATE, 1, IPC_CREAT | 0o600)
    target.call("semctl", number, 0, IPC_RMID, None)
    return number


def prune(model):
    target.must_not(share)
    return model
