"""Features of a backbone, and style and content errors computed from them.

Painting and training minimize these two errors. For a backbone that was distilled from a teacher, all
statistics are the teacher's (`backbones.base.Backbone.maps`), up to a rotation, which changes no error here.
"""

from impasto.perception.perceiving import ContentTerm, Features, Perception, StyleTerm, resolve_layers, shrink

__all__ = ["ContentTerm", "Features", "Perception", "StyleTerm", "resolve_layers", "shrink"]
