"""A signature whose parameters' values are markup, and hostile when they are shown."""


class Value:
    def __repr__(self):
        return "<script>\n::error::\x1b[2J" * 10_000


def prune(model, loader, *, further, value=Value()):
    return model
