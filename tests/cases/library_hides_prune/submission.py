def prune(model):
    return model


from torch.nn.utils import prune
