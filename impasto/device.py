"""Choose the device and the precision, and measure free memory.

torch is imported only when a device is requested, as options, which need the names alone, must load fast.
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

from impasto.errors import MemoryLimitError, UsageError

if TYPE_CHECKING:
    import torch

DeviceName = Literal["auto", "cpu", "cuda", "mps", "xpu"]
PrecisionName = Literal["auto", "float32", "bfloat16"]

_NO_MEMORY = (  # in messages of torch, Python's threads and the dynamic loader
    "not enough memory", "can't allocate memory", "out of memory", "cannot allocate memory",
    "can't start new thread", "failed to map segment", "bad_alloc", "could not create a primitive",
)  # fmt: skip
_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
# limit, usage, and the part of the usage (in memory.stat) that is file cache, which is freed on demand
_CGROUP_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_CGROUP_V2 = ("memory.max", "memory.current", "inactive_file")


def resolve_device(name: DeviceName) -> torch.device:
    """Resolve a device name; "auto" is the fastest device. Raises UsageError if it is not available."""
    import torch

    available = _available_devices()
    if name == "auto":
        return torch.device(available[0])
    if name not in available:
        raise UsageError(f"there is no device {name} here: choose among auto, {', '.join(available)}")
    return torch.device(name)


def _available_devices() -> list[str]:
    """Names of the available devices, the fastest first; the CPU is always available."""
    import torch

    present = {
        "cuda": torch.cuda.is_available(),
        "xpu": torch.xpu.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    return [name for name, is_here in present.items() if is_here]


def resolve_precision(name: PrecisionName, device: torch.device) -> torch.dtype:
    """Resolve a precision to autocast's dtype; "auto" is bfloat16 on devices that do not emulate it."""
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
    """Return whether the CPU has AVX512_BF16 (as all with AMX) or Arm's BF16; False for an old torch."""
    import torch

    if platform.machine() in ("aarch64", "arm64"):
        return _arm_features_include("bf16")
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())


def _arm_features_include(feature: str) -> bool:
    """Return whether Linux lists an Arm feature; False on other systems, where torch's bfloat16 is slow."""
    try:
        lines = (_PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith("Features") and feature in line.split() for line in lines)


def available_memory(device: torch.device) -> int:
    """Bytes of memory available on a device, as far as the system reports them.

    On a CPU: memory available without swapping, within the limits of the container. Apple's GPUs share the
    CPU's memory.
    """
    import torch

    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "xpu":
        total: int = torch.xpu.get_device_properties(device).total_memory
        return total - torch.xpu.memory_allocated(device)
    return min([_system_memory(), *_cgroup_memory()])


def peak_memory() -> int | None:
    """The most bytes of memory that this process has had so far, where the system tells."""
    try:
        # the kernel's own count for this program: getrusage's includes that of the one which started it
        lines = (_PROC / "self" / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def ran_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that Python, torch or a library could not allocate memory."""
    if isinstance(error, RuntimeError | ImportError):
        return any(phrase in str(error).lower() for phrase in _NO_MEMORY)
    if isinstance(error, OSError):
        return error.errno in (errno.ENOMEM, errno.EAGAIN)  # EAGAIN: a thread could not be started
    return isinstance(error, MemoryError)


def memory_error(what: str, needed: float, available: float, advice: str) -> MemoryLimitError:
    """Make the error for work, such as "tiles of 64 pixels need", that takes more bytes than are free."""
    return MemoryLimitError(
        f"{what} about {needed / 2**30:.1f} GB of memory and {available / 2**30:.1f} GB are free: {advice}"
    )


def cuda_libraries() -> int:
    """Extra bytes of memory that a process takes if torch is built for CUDA, on any device."""
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
        # macOS does not report what it could free: assume half of the installed memory
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _cgroup_memory() -> Iterator[int]:
    """Bytes that each control group of this process, up to the root, still allows."""
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
    """Bytes left in a control group; yields nothing if the group is unlimited or not visible."""
    try:
        allowed = (folder / limit).read_text().strip()
        if allowed != "max":
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            used = int((folder / use).read_text()) - int(stat.get(cached, 0))
            yield max(0, int(allowed) - used)
    except OSError:
        return
