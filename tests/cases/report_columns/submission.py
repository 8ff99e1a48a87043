"""Quotes, separators and line ends that would begin another cell or row."""


def prune(model):
    raise ValueError('","graded",1.5,0.0,1.5,1.5,""\r\nada,"Ada",graded;graded\tgraded\n"')
