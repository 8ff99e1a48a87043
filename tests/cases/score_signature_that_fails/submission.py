"""prune fails when it is asked for its parameters."""


class Prune:
    @property
    def __signature__(self):
        raise RuntimeError("no signature")

    def __call__(self, model):
        return model

prune = Prune()
