"""Hooks that change the weights when they are saved, loaded or used."""


def prune(model):
    model.register_state_dict_post_hook(lambda *_: 1 / 0)
    model.register_forward_pre_hook(lambda *_: 1 / 0)
    model.layers[0].register_forward_pre_hook(lambda *_: 1 / 0)
    model.layers[0].register_full_backward_hook(lambda *_: 1 / 0)
    return model
