"""A limit that the submission has set itself is no time-out."""

import resource


def prune(model):
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
    while True:
        pass
