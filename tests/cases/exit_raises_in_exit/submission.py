"""An exception in the course of another one."""


class Context:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        raise ValueError("second")


def prune(model):
    with Context():
        raise KeyError("first")
