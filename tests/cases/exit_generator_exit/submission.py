"""An exception that is none to most handlers."""


def prune(model):
    raise GeneratorExit
