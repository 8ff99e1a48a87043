"""Switches of torch's that are left where the submission has set them."""

import numpy
import torch


def prune(model):
    torch.inference_mode().__enter__()
    torch.autograd.set_detect_anomaly(True)
    torch.autocast("cpu", dtype=torch.bfloat16).__enter__()
    torch.set_num_threads(1)
    numpy.seterr(all="raise")
    torch.set_printoptions(edgeitems=10**6)
    return model
