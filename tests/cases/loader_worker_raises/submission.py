from torch.utils.data import DataLoader


class Broken:
    def __len__(self):
        return 10

    def __getitem__(self, i):
        raise LookupError(f'row {i} is broken')


def prune(model):
    for batch in DataLoader(Broken(), num_workers=1):
        pass
    return model
