"""An exception that a return swallows."""


def prune(model):
    try:
        raise SystemExit
    finally:
        return model
