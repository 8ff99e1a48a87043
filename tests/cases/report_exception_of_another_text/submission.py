"""An exception whose text is no text, and a text whose methods lie."""


class Text(str):
    def __str__(self):
        return self

    def __getitem__(self, key):
        return 5

    def replace(self, *_):
        raise SystemExit

    def split(self, *_):
        return iter(int, 1)

    def __format__(self, form):
        return "::error::"

    def __len__(self):
        return -1


class Error(Exception):
    def __str__(self):
        return Text("x" * 100_000)


def prune(model):
    raise Error
