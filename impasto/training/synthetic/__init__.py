"""Synthetic pictures, for training without photos.

The pictures have the properties of photos that a style network needs: occluding objects at all scales (dead
    leaves
model: Lee, Mumford and Huang 2001), smooth skies, rough and regular textures, shading, blur, natural colors,
and a power spectrum that falls about as the square of the frequency.
"""

from impasto.training.synthetic.scenes import Synthetic

__all__ = ["Synthetic"]
