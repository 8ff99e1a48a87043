"""A state_dict whose keys never end."""

from collections.abc import Mapping


class Endless(Mapping):
    def __iter__(self):
        while True:
            pass

    def __getitem__(self, key):
        return None

    def __len__(self):
        return 4


def prune(model):
    return Endless()
