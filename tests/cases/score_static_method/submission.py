"""prune is a static method of a class."""


class Pruner:
    @staticmethod
    def prune(model):
        return model

prune = Pruner.prune
