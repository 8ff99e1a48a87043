import asyncio

import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


async def pause():
    await asyncio.sleep(0.01)
    return await asyncio.to_thread(abs, -1)


def prune(model):
    assert asyncio.run(pause()) == 1
    return zero_small(model)
