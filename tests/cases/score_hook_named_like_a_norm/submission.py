"""A hook that passes itself off as one which recomputes the weight."""


class Hook:
    name = "weight"

    def __call__(self, *_):
        return 1 / 0


def prune(model):
    model.layers[0].register_forward_pre_hook(Hook())
    return model
