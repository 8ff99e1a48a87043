import warnings

import numpy as np
import torch
import torch.nn.utils.prune as pruning

warnings.simplefilter('error')
np.seterr(all='raise')


def prune(model):
    layers = [(model.layers[i], 'weight') for i in (0, 2)]
    pruning.global_unstructured(layers, pruning_method=pruning.L1Unstructured, amount=0.75)
    return model
