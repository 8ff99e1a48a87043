"""sys.exit in a thread ends the thread."""

import sys
import threading


def prune(model):
    thread = threading.Thread(target=sys.exit, args=(3,))
    thread.start()
    thread.join()
    return model
