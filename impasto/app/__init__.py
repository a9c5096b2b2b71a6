"""The web app: `launch` serves it."""

from impasto.app.limits import Limits
from impasto.app.server import launch

__all__ = ["Limits", "launch"]
