"""Memory in pieces so small that not even the exception finds room."""

kept = []


def prune(model):
    while True:
        kept.append([None] * 100)
