"""Other runtimes against PyTorch: the same pictures of any size, and a way back where they are not."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from impasto import networks, styles
from impasto.errors import MissingExtraError, UsageError
from impasto.imaging import io
from impasto.imaging.geometry import resize
from impasto.networks.onnx import Traceable
from impasto.stylizing import Stylizer, cpu_runtimes
from impasto.stylizing.cpu_runtimes import OnnxRunner, OpenVinoRunner
from impasto.stylizing.estimate import bytes_per_pixel
from impasto.stylizing.runners import TorchRunner, difference, make_runner
from impasto.stylizing.runtime import MANY, resolve, runtime_for

CPU = torch.device("cpu")
SMALL = {
    "light": {"channels": (8, 12), "blocks": (1, 1, 1), "last_channels": 8},
    "transformer_net": {},
    "encoder_decoder": {"channels": (8, 12, 16), "blocks": 1},
    "unet": {"width": 4, "depth": 2, "skips": (2,)},
}
SIZES = ((64, 64), (40, 88), (33, 50), (1, 1))  # the second and third differ from all that is traced


@pytest.fixture(scope="module")
def photo():
    return io.read(styles.sample())[0][None]


@pytest.fixture(scope="module")
def fast():
    """The default network, tiny, as exporting to ONNX takes a while, and what computes it, by name."""
    network = build("light", blocks=(0, 1, 0))
    return network, {"openvino": OpenVinoRunner(network, torch.float32), "onnxruntime": OnnxRunner(network)}


def build(name, **config):
    with torch.random.fork_rng():
        torch.manual_seed(8)
        network = networks.build(name, **{**SMALL[name], **config})
        for parameter_name, parameter in network.named_parameters():
            if parameter_name.endswith("grain.scale"):
                nn.init.constant_(parameter, 0.5)
    return network.requires_grad_(False).eval()


def as_frame(image):
    return image[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()


def same(runner, network, photo):
    for size in SIZES:
        image = resize(photo, size)
        painted = runner(image)
        assert (painted.shape, painted.dtype) == (image.shape, torch.float32)
        torch.testing.assert_close(painted, network(image), atol=1e-3, rtol=0)


# --- the same pictures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", networks.NAMES)
def test_openvino_paints_every_network(name, photo):
    network = build(name)
    same(OpenVinoRunner(network, torch.float32), network, photo)


def test_openvino_tells_its_makers_nothing():
    """In a process of its own, as what another test imports stays imported."""
    program = """
import sys, torch
from impasto import styles
from impasto.stylizing.cpu_runtimes import OpenVinoRunner

OpenVinoRunner(styles.load("starry-night").build(), torch.float32)(torch.rand(1, 3, 32, 32))
assert "openvino" in sys.modules and "openvino_telemetry" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_onnx_runtime_paints_every_size(fast, photo):
    network, runners = fast
    same(runners["onnxruntime"], network, photo)


@pytest.mark.parametrize("name", networks.NAMES)
def test_plain_norms_change_nothing(name, photo):
    network, image = build(name), resize(photo, (48, 64))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    plain = Traceable(network)
    torch.testing.assert_close(plain(image), network(image), atol=1e-4, rtol=0)
    assert not any(type(module).__name__ == "InstanceNorm" for module in plain.modules())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_shipped_style_within_two_levels(photo, precision):
    card = styles.load("starry-night")
    runner, notes = make_runner(card.build(), "openvino", CPU, getattr(torch, precision))
    assert (runner.name, notes) == ("openvino", [])
    assert difference(runner(photo), card.build()(photo)) < 2 / 255
    assert difference(runner(photo), photo) > 20 / 255
    near = np.abs(runner.frame(as_frame(photo)).astype(int) - as_frame(runner(photo)))
    assert np.quantile(near, 0.95) <= 1
    assert near.max() <= (1 if precision == "float32" else 8)  # another compilation rounds otherwise


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_frame_is_its_picture(fast, photo, name):
    network, runners = fast
    for size in ((48, 64), (33, 50), (48, 64)):
        frame = as_frame(resize(photo, size))
        frame.flags.writeable = False
        painted = runners[name].frame(frame)
        assert (painted.dtype, painted.shape, painted.flags.c_contiguous) == (np.uint8, frame.shape, True)
        expected = as_frame(network(torch.tensor(frame).permute(2, 0, 1)[None] / 255))
        assert np.abs(painted.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_threads_and_batches(fast, photo, name):
    network, runners = fast
    images = [resize(photo, (24 + 8 * (number % 3), 32)) for number in range(12)]
    with ThreadPoolExecutor(4) as threads:
        for image, painted in zip(images, threads.map(runners[name], images), strict=True):
            torch.testing.assert_close(painted, network(image), atol=1e-3, rtol=0)
    batch = torch.cat([images[0], images[0].flip(3)]).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(runners[name](batch), network(batch), atol=1e-3, rtol=0)


# --- the choice ---------------------------------------------------------------------------------------------


def test_auto_takes_openvino_on_a_processor(family, photo):
    stylizer = Stylizer("night", device="cpu", precision="float32")
    plain = Stylizer("night", device="cpu", precision="float32", runtime="torch")
    assert (stylizer.runtimes, plain.runtimes, stylizer.notes) == (("openvino",), ("torch",), ())
    assert stylizer.record() == plain.record()
    image = resize(photo, (33, 50))[0]
    torch.testing.assert_close(stylizer.picture(image), plain.picture(image), atol=1e-4, rtol=0)
    assert stylizer.per_pixel == bytes_per_pixel(family["night"].build())


def test_a_mixture_of_networks(family, photo):
    cards, exactly = [("night", 1), (family["stranger"], 2)], {"device": "cpu", "precision": "float32"}
    stylizer, plain = (Stylizer(cards, 0.5, runtime=name, **exactly) for name in ("openvino", "torch"))
    assert stylizer.runtimes == ("openvino", "openvino")
    frame = as_frame(resize(photo, (33, 50)))
    assert np.abs(stylizer.frame(frame).astype(int) - plain.frame(frame)).max() <= 1


def test_few_photos_are_for_torch():
    assert [runtime_for("auto", count) for count in (1, MANY - 1, MANY)] == ["torch", "torch", "auto"]
    assert runtime_for("openvino", 1) == "openvino"


@pytest.mark.parametrize(
    ("runtime", "device", "precision", "words"),
    [
        (
            "tensorrt",
            "cpu",
            "auto",
            "runtime must be one of auto, torch, openvino, onnxruntime, not",
        ),
        ("auto", "abacus", "auto", "device must be one of"),
        ("openvino", "cuda", "auto", "openvino computes on the CPU, not on cuda"),
        ("onnxruntime", "auto", "bfloat16", "onnxruntime computes in float32"),
    ],
)
def test_what_cannot_be_asked_for(runtime, device, precision, words):
    with pytest.raises(UsageError, match=words):
        resolve(runtime, device, precision)


def test_what_is_meant():
    assert resolve("onnxruntime", "auto", "auto") == (CPU, torch.float32)
    assert resolve("openvino", "auto", "bfloat16") == (CPU, torch.bfloat16)
    assert resolve("torch", "cpu", "float32") == (CPU, torch.float32)


def test_another_device_is_for_torch():
    runner, notes = make_runner(build("light"), "auto", torch.device("cuda"), torch.float32)
    assert (runner.name, notes) == ("torch", [])


# --- what goes wrong ----------------------------------------------------------------------------------------


class Darker(TorchRunner):
    """Paints, but not the same."""

    name = "openvino"

    def __init__(self, network, dtype):
        super().__init__(network)

    def __call__(self, batch):
        return super().__call__(batch) - 0.05


class NotANumber(Darker):
    def __call__(self, batch):
        return torch.full_like(batch, torch.nan)


class Broken(Darker):
    def __init__(self, network, dtype):
        raise RuntimeError("Check 'false' failed\nat frontend.cpp:53")


@pytest.mark.parametrize(
    ("runner", "words"),
    [
        (Darker, "the runtime openvino does not paint as torch does here: it is off by 13/255"),
        (NotANumber, "the runtime openvino does not paint as torch does here: it is off by nan/255"),
        (Broken, "the runtime openvino cannot run light here (Check 'false' failed)"),
    ],
)
def test_what_paints_something_else_is_not_used(monkeypatch, runner, words):
    makers = {"openvino": runner, "onnxruntime": lambda network, dtype: TorchRunner(network)}
    monkeypatch.setattr("impasto.stylizing.runners._makers", lambda: makers)
    with pytest.raises(UsageError) as caught:
        make_runner(build("light"), "openvino", CPU, torch.float32)
    assert str(caught.value) == words
    for dtype in (torch.float32, torch.bfloat16):
        found, notes = make_runner(build("light"), "auto", CPU, dtype)
        assert (found.name, notes) == ("torch", [f"{words}; another one computes"])


@pytest.mark.parametrize(
    ("runtime", "library", "words"),
    [
        ("openvino", "openvino", "The runtime openvino needs OpenVINO: pip install 'impasto\\[fast\\]'"),
        ("onnxruntime", "onnxruntime", "The runtime onnxruntime needs ONNX Runtime: pip install"),
    ],
)
def test_what_is_not_installed(family, monkeypatch, runtime, library, words):
    for name in ("openvino", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(cpu_runtimes, "_core", cpu_runtimes._core.__wrapped__)  # none from before
    with pytest.raises(MissingExtraError, match=words):
        Stylizer("night", runtime=runtime)
    stylizer = Stylizer("night", device="cpu", precision="float32")
    assert (stylizer.runtimes, stylizer.notes) == (("torch",), ())


def test_an_export_that_lacks_a_library(monkeypatch):
    def fail(*arguments, **options):
        raise ModuleNotFoundError("No module named 'onnxscript'", name="onnxscript")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(MissingExtraError, match="needs ONNX Script: pip install"):
        make_runner(build("light"), "onnxruntime", CPU, torch.float32)


SIGNALLED = """
import faulthandler, gc, os, signal, torch
from impasto import networks
from impasto.stylizing.cpu_runtimes import OpenVinoRunner
faulthandler.enable()
signal.signal(signal.SIGCHLD, lambda *given: print("heard"))
network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=4).eval()
runners = [OpenVinoRunner(network, torch.float32) for _ in range(2)]
while runners:
    del runners[0]
    gc.collect()
os.kill(os.getpid(), signal.SIGCHLD)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="OpenVINO sets a stack for signals on Linux alone")
def test_signals_are_heard_when_runners_have_gone():
    """What OpenVINO leaves of the stack for them is memory."""
    done = subprocess.run([sys.executable, "-c", SIGNALLED], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr
