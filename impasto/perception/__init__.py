"""Perception: features of a backbone, and style and content errors from them.

Both jobs, painting and training, minimize these two errors. For a backbone that was taught by another, all
statistics are its teacher's (`backbones.base.Backbone.maps`), up to a rotation, which no error here sees.
"""

from impasto.perception.layers import resolve_layers, shrink
from impasto.perception.perceiving import ContentTerm, Features, Perception, StyleTerm

__all__ = ["ContentTerm", "Features", "Perception", "StyleTerm", "resolve_layers", "shrink"]
