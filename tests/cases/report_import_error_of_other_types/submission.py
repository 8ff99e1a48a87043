"""A failed import whose name and path are neither."""


def prune(model):
    error = ModuleNotFoundError("No module named '<script>'", name="<script>" * 1_000, path=["x"])
    error.name, error.path = {"a": 1}, "e"
    raise error
