"""Buffers in which weights might hide: nobody reads them."""


def prune(model):
    for name, parameter in list(model.named_parameters()):
        model.register_buffer("hidden_" + name.replace(".", "_"), parameter.detach().clone())
        parameter.data.zero_()
    return model
