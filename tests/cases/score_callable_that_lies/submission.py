"""prune has a signature that is none, and can be called all the same."""


class Prune:
    __signature__ = "none"

    def __call__(self, model):
        return model

prune = Prune()
