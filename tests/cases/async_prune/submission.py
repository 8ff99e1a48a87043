async def prune(model):
    return model
