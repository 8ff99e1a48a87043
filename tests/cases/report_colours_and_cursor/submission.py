"""Escape sequences that colour, clear, move, retitle and write into the clipboard of a terminal."""

SEQUENCES = """\x1b[31m \x1b[2J \x1b[H \x1b[999A \x1b]0;title\x07 \x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\
\x1b]52;c;cHduZWQ=\x07 \x1b[6n \x1b[?1049h \x1bP+q544e\x1b\\ \x1b#8 \x1bc \x9b31m \x9d0;title\x9c \x1b[8m hidden \x1b[5i"""


def prune(model):
    print(SEQUENCES)
    return model
