import os

import torch.distributed as dist


def prune(model):
    os.environ.update(MASTER_ADDR='localhost', MASTER_PORT='29500')
    dist.init_process_group('gloo', rank=0, world_size=1)
    return model
