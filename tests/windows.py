"""Takes away from this interpreter what Windows lacks, as far as Python can tell: executed before a program, not imported.

The standard library and other people's packages have their own ways on Windows, which are not what is to be tried: they are
imported before.
"""

import asyncio  # noqa: F401
import concurrent.futures.process  # noqa: F401
import multiprocessing.connection
import multiprocessing.popen_fork
import multiprocessing.shared_memory
import multiprocessing.util  # noqa: F401
import os
import platform  # noqa: F401
import selectors  # noqa: F401
import signal
import socket
import ssl  # noqa: F401
import subprocess
import sys
import tempfile  # noqa: F401

import numpy  # noqa: F401
import torch  # noqa: F401

MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix_ipc", "crypt", "readline", "curses"}
OF_OS = """
    fork forkpty register_at_fork memfd_create pidfd_open eventfd getuid geteuid getgid getegid setuid setgid setresuid setresgid
    setgroups getgroups setsid getsid getpgid getpgrp setpgid killpg nice wait wait3 wait4 waitid WIFEXITED WEXITSTATUS
    WIFSIGNALED WTERMSIG WIFSTOPPED WCOREDUMP P_PID P_ALL WEXITED WNOWAIT WNOHANG O_NOFOLLOW O_NONBLOCK O_DIRECTORY O_CLOEXEC
    fchmod fchown chown lchown chroot mkfifo mknod statvfs fstatvfs sysconf confstr uname sched_getaffinity
    sched_setaffinity getloadavg set_blocking get_blocking sendfile pread pwrite readv writev posix_spawn posix_fadvise
    getpriority setpriority ctermid ttyname openpty MFD_CLOEXEC MFD_ALLOW_SEALING
""".split()
OF_SIGNAL = """
    SIGHUP SIGKILL SIGXCPU SIGXFSZ SIGBUS SIGSYS SIGPIPE SIGALRM SIGPROF SIGUSR1 SIGUSR2 SIGCHLD SIGSTOP SIGCONT SIGURG
    pthread_sigmask pthread_kill setitimer getitimer ITIMER_PROF ITIMER_REAL alarm pause sigwait pidfd_send_signal siginterrupt
""".split()
OF_SOCKET = ("AF_UNIX", "SCM_RIGHTS", "send_fds", "recv_fds", "SOCK_SEQPACKET", "CMSG_SPACE", "CMSG_LEN")


class NotThere:
    """Finds no module of POSIX's."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


for _place, _names in ((os, OF_OS), (signal, OF_SIGNAL), (socket, OF_SOCKET)):
    for _name in _names:
        if hasattr(_place, _name):
            delattr(_place, _name)
subprocess.Popen.kill = lambda process: os.kill(process.pid, 9)  # type: ignore[method-assign]  # which has another way there
os.supports_dir_fd = set()
os.supports_fd = set()
for _name in [_name for _name in sys.modules if _name.partition(".")[0] in MODULES]:
    del sys.modules[_name]
sys.meta_path.insert(0, NotThere)
