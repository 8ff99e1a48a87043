"""A syntax error that the submission has made up, whose places and texts are no such."""

import os


def prune(model):
    raise SyntaxError("<script>\n::error::", (os.path.abspath(__file__), 10**30, 10**18, "x\x1b[2J<script>" * 10_000, -5, 10**18))
