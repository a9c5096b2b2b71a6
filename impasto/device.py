"""The machine: which device computes, in which precision, and how much memory is free there.

torch is imported when a device is asked for: the names alone, which options need, must come at once.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from impasto.errors import UsageError

if TYPE_CHECKING:
    import torch

DeviceName = Literal["auto", "cpu", "cuda", "mps", "xpu"]
PrecisionName = Literal["auto", "float32", "bfloat16"]

_NO_MEMORY = (  # as torch, Python's threads and the loader of libraries put it
    "not enough memory", "can't allocate memory", "out of memory", "cannot allocate memory",
    "can't start new thread", "failed to map segment", "bad_alloc", "could not create a primitive",
)  # fmt: skip
_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
# limit, use, and the part of the use (in memory.stat) that is only cached files and given up on demand
_CGROUP_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_CGROUP_V2 = ("memory.max", "memory.current", "inactive_file")


def resolve_device(name: DeviceName) -> torch.device:
    """The device of that name; "auto" is the fastest one here. Raises UsageError if it is not here."""
    import torch

    available = _available_devices()
    if name == "auto":
        return torch.device(available[0])
    if name not in available:
        raise UsageError(f"there is no device {name} here: choose among auto, {', '.join(available)}")
    return torch.device(name)


def _available_devices() -> list[str]:
    """Fastest first; the CPU is always there."""
    import torch

    present = {
        "cuda": torch.cuda.is_available(),
        "xpu": torch.xpu.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    return [name for name, is_here in present.items() if is_here]


def resolve_precision(name: PrecisionName, device: torch.device) -> torch.dtype:
    """The dtype for autocast; "auto" is bfloat16 where the device computes in it, not merely emulates it."""
    import torch

    if name == "auto":
        return torch.bfloat16 if _has_bfloat16(device) else torch.float32
    if name not in ("float32", "bfloat16"):
        raise UsageError(f"there is no precision {name}: choose among auto, float32, bfloat16")
    return torch.float32 if name == "float32" else torch.bfloat16


def _has_bfloat16(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and _cpu_has_bfloat16()


def _cpu_has_bfloat16() -> bool:
    """AVX512_BF16 (every CPU with AMX has it too) or Arm's BF16; not known, hence False, on an old torch."""
    import torch

    if platform.machine() in ("aarch64", "arm64"):
        return _arm_features_include("bf16")
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())


def _arm_features_include(feature: str) -> bool:
    """As Linux lists them; other systems do not say, and torch computes bfloat16 slowly there."""
    try:
        lines = (_PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith("Features") and feature in line.split() for line in lines)


def available_memory(device: torch.device) -> int:
    """Bytes free for new work, as far as the system says.

    On a CPU: what is available without swapping, within the limits of the container. Apple's devices share
    the CPU's memory.
    """
    import torch

    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "xpu":
        total: int = torch.xpu.get_device_properties(device).total_memory
        return total - torch.xpu.memory_allocated(device)
    return min([_system_memory(), *_cgroup_memory()])


def ran_out_of_memory(error: BaseException) -> bool:
    """Return whether Python, torch, on any device, or a library that is loaded could not get memory."""
    if isinstance(error, RuntimeError | ImportError):
        return any(phrase in str(error).lower() for phrase in _NO_MEMORY)
    if isinstance(error, OSError):
        return error.errno in (errno.ENOMEM, errno.EAGAIN)  # the second, where a thread could not begin
    return isinstance(error, MemoryError)


def cuda_libraries() -> int:
    """Bytes of memory that a process takes more if torch is built for CUDA, whatever it computes on."""
    import torch

    return 260_000_000 if torch.version.cuda else 0


def _system_memory() -> int:
    if sys.platform == "win32":
        status = (ctypes.c_uint64 * 8)(64)  # MEMORYSTATUSEX: its length, then ullTotalPhys, ullAvailPhys, ...
        ctypes.windll.kernel32.GlobalMemoryStatusEx(status)
        return status[2]
    try:
        fields = dict(line.split(":", 1) for line in (_PROC / "meminfo").read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    except OSError:
        # macOS does not say how much it could free: count on half of what is built in
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _cgroup_memory() -> Iterator[int]:
    """Memory that each control group of this process, up to the root, still allows."""
    try:
        lines = (_PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for _, controllers, path in (line.split(":", 2) for line in lines):
        if controllers in ("", "memory"):
            mount, names = (_CGROUPS / "memory", _CGROUP_V1) if controllers else (_CGROUPS, _CGROUP_V2)
            group = Path(path.lstrip("/"))
            for folder in (group, *group.parents):
                yield from _cgroup_room(mount / folder, *names)


def _cgroup_room(folder: Path, limit: str, use: str, cached: str) -> Iterator[int]:
    """Nothing where the group sets no limit, or is not visible from inside the container."""
    try:
        allowed = (folder / limit).read_text().strip()
        if allowed != "max":
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            used = int((folder / use).read_text()) - int(stat.get(cached, 0))
            yield max(0, int(allowed) - used)
    except OSError:
        return
