"""A submission that tries whatever could reach Ray's object store, its sockets, its head or the processes of a node.

The words between at signs are put in by the test, as if a friend had told them.
"""

import ctypes
import os
import socket
import sys

SESSION, ADDRESS, RAYLETS = "@SESSION@", "@ADDRESS@", "@RAYLETS@"


def connect(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)


def connect_from_another_thread_of_c(path):
    libc = ctypes.CDLL(None, use_errno=True)
    sock = libc.socket(1, 1, 0)
    address = (1).to_bytes(2, sys.byteorder) + path.encode() + b"\0"
    if sock < 0 or libc.connect(sock, address, len(address)) < 0:
        raise OSError(ctypes.get_errno())


def reach_the_head():
    host, port = ADDRESS.rsplit(":", 1)
    socket.create_connection((host, int(port)), timeout=5).close()


def read_environment(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        assert b"PATH" in file.read()


def read_the_store(pid):
    for name in os.listdir(f"/proc/{pid}/fd"):
        place = f"/proc/{pid}/fd/{name}"
        if "/dev/shm/plasma" in os.readlink(place):
            with open(place, "rb") as file:
                return file.read(1)
    raise FileNotFoundError


def read_memory(pid):
    with open(f"/proc/{pid}/maps") as maps:
        start = int(next(line for line in maps if " rw-p " in line).split("-")[0], 16)
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(start)
        memory.read(1)


def attempts():
    yield "list the session", lambda: os.listdir(SESSION)
    yield "read a log", lambda: open(f"{SESSION}/logs/gcs_server.out").close()
    yield "list the sockets", lambda: os.listdir(f"{SESSION}/sockets")
    for name in ("raylet", "raylet.1", "plasma_store", "plasma_store.1"):
        yield f"connect to {name}", lambda name=name: connect(f"{SESSION}/sockets/{name}")
    yield "connect from C", lambda: connect_from_another_thread_of_c(f"{SESSION}/sockets/raylet")
    yield "reach the head", reach_the_head
    for index, pid in enumerate(RAYLETS.split(",")):
        yield f"read the environment of raylet {index}", lambda pid=pid: read_environment(pid)
        yield f"read the memory of raylet {index}", lambda pid=pid: read_memory(pid)
        yield f"read the object store of raylet {index}", lambda pid=pid: read_the_store(pid)


def prune(model):
    for name, attempt in attempts():
        try:
            attempt()
        except OSError:
            print(f"{name}: REFUSED")
        else:
            print(f"{name}: SUCCEEDED")
    print("variables of Ray's:", [name for name in os.environ if "RAY" in name])
    return model


if __name__ == "__main__":
    prune(None)
