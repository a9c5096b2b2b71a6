"""Pictures out of nothing, for a training without photos.

They have what a style network needs of photos: objects that hide each other at all scales (the dead leaves
model: Lee, Mumford and Huang 2001), smooth skies, rough and regular textures, shading, blur, natural colors,
and a power spectrum that falls about as the square of the frequency.
"""

from impasto.training.synthetic.scenes import Synthetic

__all__ = ["Synthetic"]
