"""prune is a class: its instance is no model."""


class prune:
    def __init__(self, model):
        self.model = model
