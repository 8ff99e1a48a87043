"""A file and a function, as the traceback names them, that are markup, line ends and commands."""

import os

SOURCE = "def f():\n    raise ValueError('placed')"


def prune(model):
    code = compile(SOURCE, os.path.join(os.getcwd(), "<script>alert(1)</script>\n::error::\r\x1b[2J=1+1.py"), "exec")
    names = {}
    exec(code, names)
    function = names["f"]
    function.__code__ = function.__code__.replace(co_name="</pre><script>\n::error::\x1b[2J")
    function()
