def prune(model):
    state = model.state_dict()
    del state['layers.0.bias']
    return state
