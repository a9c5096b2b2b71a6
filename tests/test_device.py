"""Devices, precision and free memory, with the machine's own answers replaced where they decide."""

import ctypes
import errno
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from impasto import device
from impasto.device import available_memory, peak_memory, resolve_device, resolve_precision
from impasto.errors import UsageError

CPU = torch.device("cpu")
GIB = 1 << 30


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty stand-in for /proc and /sys/fs/cgroup, with 8 GiB available."""
    monkeypatch.setattr(device, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(device, "_CGROUPS", tmp_path / "cgroup")
    write(
        tmp_path / "proc/meminfo", f"MemTotal: 99 kB\nMemAvailable:   {8 * GIB // 1024} kB\nHugePages_Free: 0"
    )
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def write_group(folder: Path, limit: str, used: int, cached: int) -> None:
    write(folder / "memory.max", limit)
    write(folder / "memory.current", str(used))
    write(folder / "memory.stat", f"anon 5\ninactive_file {cached}")


@pytest.mark.parametrize(
    ("present", "expected"),
    [((), "cpu"), (("mps",), "mps"), (("mps", "xpu"), "xpu"), (("xpu", "cuda"), "cuda")],
)
def test_auto_takes_the_fastest_device(
    monkeypatch: pytest.MonkeyPatch, present: tuple[str, ...], expected: str
) -> None:
    for name, module in (("cuda", torch.cuda), ("xpu", torch.xpu), ("mps", torch.backends.mps)):
        monkeypatch.setattr(module, "is_available", lambda name=name: name in present)
    assert resolve_device("auto").type == expected
    assert resolve_device("cpu") == CPU


def test_missing_device_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_available_devices", lambda: ["mps", "cpu"])
    with pytest.raises(UsageError, match="no device cuda here: choose among auto, mps, cpu"):
        resolve_device("cuda")


def test_precision_by_name() -> None:
    assert resolve_precision("float32", CPU) is torch.float32
    assert resolve_precision("bfloat16", CPU) is torch.bfloat16
    with pytest.raises(UsageError, match="float64"):
        resolve_precision("float64", CPU)  # type: ignore[arg-type]


@pytest.mark.parametrize(("native", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_precision_on_x86(monkeypatch: pytest.MonkeyPatch, native: bool, expected: torch.dtype) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native, raising=False)
    assert resolve_precision("auto", CPU) is expected


def test_auto_precision_on_a_torch_that_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "AMD64")
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    assert resolve_precision("auto", CPU) is torch.float32


@pytest.mark.parametrize(
    ("features", "expected"), [("fp asimd bf16 sve", torch.bfloat16), ("fp asimd", torch.float32)]
)
def test_auto_precision_on_arm(
    system: Path, monkeypatch: pytest.MonkeyPatch, features: str, expected: torch.dtype
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert resolve_precision("auto", CPU) is torch.float32
    write(system / "proc/cpuinfo", f"processor : 0\nFeatures\t: {features}")
    assert resolve_precision("auto", CPU) is expected


@pytest.mark.parametrize(("capability", "expected"), [((8, 0), torch.bfloat16), ((7, 5), torch.float32)])
def test_auto_precision_on_cuda(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert resolve_precision("auto", torch.device("cuda")) is expected
    assert resolve_precision("auto", torch.device("mps")) is torch.float32


def test_memory_of_this_machine_is_plausible() -> None:
    assert 64 << 20 < available_memory(CPU) < 1 << 50


def test_the_peak_of_this_process() -> None:
    assert 10 << 20 < (peak_memory() or 0) < 1 << 50


def test_memory_without_control_groups(system: Path) -> None:
    assert available_memory(CPU) == 8 * GIB


def test_memory_within_the_tightest_v2_group(system: Path) -> None:
    write(system / "proc/self/cgroup", "0::/pod/job")
    write_group(system / "cgroup/pod/job", "max", 0, 0)
    write_group(system / "cgroup/pod", str(4 * GIB), 3 * GIB, 2 * GIB)
    assert available_memory(CPU) == 3 * GIB


def test_memory_within_a_v2_group_seen_as_root(system: Path) -> None:
    write(system / "proc/self/cgroup", "0::/hidden/path")
    write_group(system / "cgroup", str(1 * GIB), 2 * GIB, 0)
    assert available_memory(CPU) == 0


def test_memory_within_a_v1_group(system: Path) -> None:
    write(system / "proc/self/cgroup", "5:cpu,cpuacct:/job\n4:memory:/job\n0::/")
    folder = system / "cgroup/memory/job"
    write(folder / "memory.limit_in_bytes", str(2 * GIB))
    write(folder / "memory.usage_in_bytes", str(1 * GIB))
    write(folder / "memory.stat", f"cache 0\ntotal_inactive_file {GIB // 2}")
    write(system / "cgroup/memory/memory.limit_in_bytes", "9223372036854771712")
    assert available_memory(CPU) == 3 * GIB // 2


def test_memory_on_macos_is_half_of_what_is_built_in(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (system / "proc/meminfo").unlink()
    monkeypatch.setattr(
        "os.sysconf", {"SC_PHYS_PAGES": 1 << 20, "SC_PAGE_SIZE": 16384}.__getitem__, raising=False
    )
    assert available_memory(CPU) == 8 * GIB


def test_memory_on_windows(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(status: "ctypes.Array[ctypes.c_uint64]") -> None:
        assert ctypes.sizeof(status) == status[0] == 64
        status[1], status[2] = 16 * GIB, 5 * GIB

    kernel = SimpleNamespace(GlobalMemoryStatusEx=answer)
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    assert available_memory(CPU) == 5 * GIB


def test_memory_on_cuda_counts_what_torch_holds_unused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10, 100))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 7)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 4)
    assert available_memory(torch.device("cuda")) == 13


def test_memory_on_xpu(monkeypatch: pytest.MonkeyPatch) -> None:
    properties = SimpleNamespace(total_memory=100)
    monkeypatch.setattr(torch.xpu, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.xpu, "memory_allocated", lambda device: 40, raising=False)
    assert available_memory(torch.device("xpu")) == 60


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        RuntimeError("unable to mmap 5 bytes from file <a>: Cannot allocate memory (12)"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("could not create a primitive"),  # as oneDNN has it
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
    ],
    ids=repr,
)
def test_what_a_lack_of_memory_looks_like(error: Exception) -> None:
    assert device.ran_out_of_memory(error)


@pytest.mark.parametrize(
    "error", [RuntimeError("size mismatch"), OSError(errno.ENOSPC, "full"), ImportError("x")]
)
def test_what_is_no_lack_of_memory(error: Exception) -> None:
    assert not device.ran_out_of_memory(error)


@pytest.mark.parametrize(("built_for", "more"), [(None, False), ("13.0", True)])
def test_libraries_of_cuda_take_memory_on_any_device(
    monkeypatch: pytest.MonkeyPatch, built_for: str | None, more: bool
) -> None:
    monkeypatch.setattr(torch.version, "cuda", built_for)
    assert (device.cuda_libraries() > 100_000_000) == more
