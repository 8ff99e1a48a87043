import time


def prune(model):
    time.sleep(1000)
