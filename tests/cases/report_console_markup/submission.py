"""Markup that the console's library would draw."""

TEXT = "[bold red]x[/] [link=https://example.org]y[/link] [/nothing] [on white blink] \\[x] :smile:"


def prune(model):
    print(TEXT)
    raise ValueError(TEXT)
