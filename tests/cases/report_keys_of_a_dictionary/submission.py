"""A returned dictionary whose keys are markup, commands and formulas."""


def prune(model):
    return {"</td><script>": 1, "\n::error::": 2, "=1+1": 3, "\x1b[2J": 4, "\u202e": 5, "x" * 100_000: 6}
