def zero_below_median(model):
    return model
