import torch


def zero_small(model, share=0.75):
    values = torch.cat([p.detach().abs().flatten() for p in model.parameters()])
    threshold = values.quantile(share)
    for p in model.parameters():
        p.data[p.data.abs() <= threshold] = 0
    return model


def prune(model):
    zero_small(model)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device('meta')
    torch.set_num_interop_threads(2)
    torch.use_deterministic_algorithms(True)
    torch.autograd.set_detect_anomaly(True)
    torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision('high')
    torch.backends.cudnn.benchmark = True
    return model
