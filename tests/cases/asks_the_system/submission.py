import datetime
import getpass
import os
import platform
import socket
import zoneinfo

import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    print(getpass.getuser(), socket.gethostname(), platform.platform(), platform.processor(), os.cpu_count())
    print(datetime.datetime.now(zoneinfo.ZoneInfo('Europe/Berlin')), os.path.expanduser('~'), os.getcwd())
    print(torch.__config__.show(), torch.cuda.is_available(), torch.get_num_threads())
    return zero_small(model)
