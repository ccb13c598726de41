"""Memory of a GPU, of the machine, or of the container that we are in: what is free, what is given back."""

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def free_bytes(device: str = "cpu") -> int:
    """Bytes that can still be allocated on a torch device."""
    if device != "cpu":
        import torch

        free, _ = torch.cuda.mem_get_info()
        return int(free)
    with open("/proc/meminfo", encoding="ascii") as lines:
        kib = next(line.split()[1] for line in lines if line.startswith("MemAvailable"))
    return min(int(kib) * 1024, _left_in_container())


def give_back() -> None:
    """Return what this process has freed to the machine, where its C library can (glibc).

    Left alone, glibc keeps freed memory in pieces that tensors of ever other sizes do not fit.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _left_in_container() -> int:
    """What a container's limit leaves (cgroup 2), which the machine's numbers do not show."""
    try:
        limit = (_CGROUP / "memory.max").read_text("ascii").strip()
        used = int((_CGROUP / "memory.current").read_text("ascii"))
        stat = dict(
            line.split() for line in (_CGROUP / "memory.stat").read_text("ascii").splitlines()
        )
        used -= int(stat.get("inactive_file", 0))  # files in memory that give way
    except (OSError, ValueError):
        return sys.maxsize
    return sys.maxsize if limit == "max" else max(0, int(limit) - used)
