"""What attacks aim at: a scratch folder, sockets and a process made for them. The corpus puts this file beside each attack.

Below it the corpus adds what is where: FOLDER, HIDDEN (a file), SOCKET (a path), ABSTRACT (a name), TCP and UDP (ports of
127.0.0.1), PID (the scratch process), KEEPER (the grader's process), VARIABLE (in the grader's environment) and CANARY,
which stands in the file, in the process's environment and memory, and is what each socket answers.
"""

import ctypes
import json
import os
import signal
import struct
import time

libc = ctypes.CDLL(None, use_errno=True)


def must_not(attempt):
    """Make the attempt. Being refused is no event; what is not refused ends the process with a word that the corpus looks for."""
    try:
        found = attempt()
    except (OSError, ValueError, LookupError):
        return
    breach(found)


def breach(found=None):
    os.write(1, f"BREACH: {found!r}\n".encode()[:2000])
    os._exit(99)


def call(name, *arguments):
    """A function of libc's by its name. Raises OSError where it returns -1."""
    result = getattr(libc, name)(*arguments)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def syscall(number, *arguments):
    return call("syscall", ctypes.c_long(number), *arguments)


def send(record, more=b""):
    """A record in the form of the result channel."""
    text = record if isinstance(record, bytes) else json.dumps(record).encode()
    os.write(3, struct.pack("<I", len(text)) + text + more)


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def fork(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def daemon(work):
    """A process that has left its session, its parent and its signals behind, as far as it may."""

    def middle():
        try:
            os.setsid()
        except OSError:
            pass
        for number in range(1, 32):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        libc.prctl(1, 0)
        fork(work)

    os.waitpid(fork(middle), 0)
