import threading


def prune(model):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
