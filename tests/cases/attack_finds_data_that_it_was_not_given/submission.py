"""Large arrays beyond those of its own instance, in whatever its memory comes from: that of a process with hidden data."""

import gc

import assignment
import numpy as np
import target
import torch


def search(model):
    gc.unfreeze()
    loaders = (assignment.train_loader(), assignment.validation_loader())
    own = {one.shape for one in (*model.parameters(), *(part for loader in loaders for part in loader.dataset.tensors))}
    known = [held for one in gc.get_objects() for held in (one, *gc.get_referents(one))]
    arrays = [one for one in known if isinstance(one, np.ndarray | torch.Tensor)]
    columns = {128, 10, 1024}
    return [one.shape for one in arrays if one.ndim == 2 and len(one) > 10 and one.shape[1] in columns and one.shape not in own][0]


def prune(model):
    target.must_not(lambda: search(model))
    return model
