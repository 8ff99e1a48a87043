"""A line of code as long as a book, in characters that take twelve bytes in the record."""


def prune(model):
    exec(compile("def f(n):\n    return f(n - 1) if n else nothing('" + "\U0001f525" * 20_000 + "')", __file__, "exec"), names := {})
    import linecache

    linecache.cache[__file__] = (1, None, ["x\n", "y" + "\U0001f525" * 20_000 + "\n"] * 50, __file__)
    try:
        names["f"](20)
    except NameError:
        raise ValueError("\U0001f525" * 5_000)
