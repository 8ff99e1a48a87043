"""A state_dict whose keys are no texts, and texts that equal anything."""


class Key:
    def __hash__(self):
        return 1

    def __eq__(self, other):
        return True

    def __str__(self):
        return "layers.0.weight"


def prune(model):
    return {Key(): 1, 5: 2, None: 3}
