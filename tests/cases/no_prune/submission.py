import torch


def train(model):
    return model
