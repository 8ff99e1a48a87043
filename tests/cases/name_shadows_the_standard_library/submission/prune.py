from random import SHARE


def prune(model):
    for parameter in model.parameters():
        values = parameter.data
        values[values.abs() <= values.abs().flatten().quantile(SHARE)] = 0
    return model
