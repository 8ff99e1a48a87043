"""Notes of the exception that are markup, no texts, and a hundred thousand."""


def prune(model):
    error = ValueError("noted")
    error.__notes__ = ["<script>\n::error::"] * 100_000 + [5, None]
    raise error
