"""Where cloud machines find their credentials."""

import urllib.request

import target


def prune(model):
    target.must_not(lambda: urllib.request.urlopen("http://169.254.169.254/latest/meta-data/", timeout=1).read())
    return model
