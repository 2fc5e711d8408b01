"""What a decoder's process may do: compute, and answer. Linux; without seccomp the limits alone hold."""

import ctypes
import errno
import platform
import resource
import struct
from collections.abc import Sequence
from pathlib import Path

_OOM_SCORE = Path("/proc/self/oom_score_adj")
_KILLED_FIRST = "1000"
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 4, 38, 22
_MODE_FILTER = 2
# Classic BPF: load a word of the call's description, jump if equal, return.
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
# Numbers in <linux/audit.h>; the second figure of a call below is the second one's.
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Memory, the connection, clocks, its own signals, and the end. Nothing that opens, connects, writes, starts or kills.
_CALLS = {
    "brk": (12, 214),
    "clock_gettime": (228, 113),
    "close": (3, 57),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "fcntl": (72, 25),
    "fstat": (5, 80),
    "futex": (202, 98),
    "getpid": (39, 172),
    "getrandom": (318, 278),
    "gettid": (186, 178),
    "lseek": (8, 62),
    "madvise": (28, 233),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "read": (0, 63),
    "recvfrom": (45, 207),
    "restart_syscall": (219, 128),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "sendto": (44, 206),
    "sigaltstack": (131, 132),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def die_first() -> None:
    """Have this process and its children killed before any other where memory runs out."""
    _OOM_SCORE.write_text(_KILLED_FIRST)


def confine(memory_bytes: int, max_files: int) -> list[str]:
    """Limit this process for good, and return what is in force: `limits` always, `seccomp` where the kernel has it.

    Args:
        memory_bytes: Of address space.
        max_files: Files that are open already; there will be no more.
    """
    limits = {"RLIMIT_AS": memory_bytes, "RLIMIT_NOFILE": max_files, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0}
    for name, value in (limits | {"RLIMIT_NPROC": 0}).items():
        resource.setrlimit(getattr(resource, name), (value, value))
    return ["limits", *(["seccomp"] if _refuse_calls() else [])]


def _refuse_calls() -> bool:
    """Have every system call that is not listed fail with EPERM."""
    if platform.machine() not in _ARCHITECTURES:
        return False
    control = ctypes.CDLL(None).prctl
    control(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    column = list(_ARCHITECTURES).index(platform.machine())
    program = _program(_ARCHITECTURES[platform.machine()], [numbers[column] for numbers in _CALLS.values()])
    described = _Program(len(program) // 8, program)
    if control(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    return not control(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(described), 0, 0)


def _program(architecture: int, calls: Sequence[int]) -> bytes:
    """Return the filter: another architecture's numbers are refused, those listed allowed, all others refused."""
    tests = [_step(_JUMP_EQUAL, number, if_equal=len(calls) - at) for at, number in enumerate(calls)]
    return b"".join(
        [
            _step(_LOAD, _ARCHITECTURE_AT),
            _step(_JUMP_EQUAL, architecture, if_not=len(calls) + 1),
            _step(_LOAD, _NUMBER_AT),
            *tests,
            _step(_RETURN, _REFUSE),
            _step(_RETURN, _ALLOW),
        ]
    )


def _step(code: int, operand: int, *, if_equal: int = 0, if_not: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_equal, if_not, operand)
