import pip

pip.main(['install', 'tqdm'])


def prune(model):
    return model
