"""A state_dict of numpy's arrays."""


def prune(model):
    return {name: value.numpy() for name, value in model.state_dict().items()}
