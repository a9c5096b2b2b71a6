"""Style networks: `build` makes a network by its name, `card` reads and writes trained networks."""

from __future__ import annotations

from typing import Any

from impasto.errors import UsageError
from impasto.networks.base import StyleNetwork
from impasto.networks.encoder_decoder import EncoderDecoder
from impasto.networks.light import Light
from impasto.networks.transformer_net import TransformerNet
from impasto.networks.unet import UNet

__all__ = ["NAMES", "StyleNetwork", "build"]

_NETWORKS: dict[str, type[StyleNetwork]] = {n.name: n for n in (Light, TransformerNet, EncoderDecoder, UNet)}
NAMES = tuple(_NETWORKS)


def build(name: str, /, **config: Any) -> StyleNetwork:
    """Build a network with random weights: one of NAMES, from the keywords of its class.

    Raises UsageError for an unknown name, and for keywords or values that the class does not accept.
    """
    if name not in _NETWORKS:
        raise UsageError(f"there is no network {name:.40}: choose among {', '.join(NAMES)}")
    try:
        return _NETWORKS[name](**config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"a {name} network cannot be built with {config!s:.200}: {error}") from error
