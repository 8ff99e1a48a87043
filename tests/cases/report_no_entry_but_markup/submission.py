"""Functions whose names are nearly prune, and markup."""

globals()["prune</td><script>\n::error::"] = lambda model: model
globals()["\x1b[2Jprun"] = lambda model: model


def prune_model(model):
    return model

del prune_model
