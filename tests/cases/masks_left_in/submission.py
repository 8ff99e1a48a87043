import torch.nn.utils.prune as P


def prune(model):
    targets = [(model.layers[0], "weight"), (model.layers[2], "weight")]
    P.global_unstructured(targets, pruning_method=P.L1Unstructured, amount=0.75)
    return model
