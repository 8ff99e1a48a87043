"""Fill the folder of shared memory."""


def prune(model):
    try:
        with open("/dev/shm/hoard", "wb") as file:
            while True:
                file.write(bytes(1 << 20))
    except OSError:
        raise OSError from None  # full, or not there
