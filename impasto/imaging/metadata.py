"""Metadata of picture files: EXIF, and impasto's record in an XMP packet."""

import math
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, unescape

from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

_Tag = ExifTags.Base
_IFD = ExifTags.IFD

# Tags of the main directory that describe the photo. The rest say how one file stores its pixels
# (in TIFF both stand side by side), or, as orientation and thumbnail, are no longer true of a new picture.
_DESCRIPTIVE = frozenset(
    {
        _Tag.ImageDescription, _Tag.Make, _Tag.Model, _Tag.XResolution, _Tag.YResolution,
        _Tag.ResolutionUnit, _Tag.Software, _Tag.DateTime, _Tag.Artist, _Tag.HostComputer, _Tag.Rating,
        _Tag.RatingPercent, _Tag.Copyright, _Tag.XPTitle, _Tag.XPComment, _Tag.XPAuthor, _Tag.XPKeywords,
        _Tag.XPSubject,
    }
)  # fmt: skip
_MOST_DPI = 65_535  # that JFIF can say
_SIDEWAYS = (5, 6, 7, 8)  # orientations that lay rows into columns
_INCH, _CENTIMETER = 2, 3  # units of EXIF
_JFIF_UNITS = {1: 1.0, 2: 2.54}  # in an inch
_STALE_DETAILS = frozenset({_Tag.ExifImageWidth, _Tag.ExifImageHeight, _Tag.ExifInteroperabilityOffset})

_NAMESPACE = "urn:impasto:record:1"
_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    f'<rdf:Description rdf:about="" xmlns:impasto="{_NAMESPACE}">'
    "<impasto:record>{record}</impasto:record>"
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
_RECORD = re.compile(r"<impasto:record>(.*?)</impasto:record>", re.DOTALL)


def clean_exif(exif: Image.Exif, dpi: tuple[float, float] | None = None) -> bytes | None:
    """Select the EXIF of a photo that stays true for a picture made from it; None if there is none.

    `dpi` is what its file says beside the EXIF, as `find_dpi` tells it, and becomes a part of it.

    Camera, time, place, author and maker notes stay; orientation, thumbnail, stored size and the
    layout tags of TIFF go. Damaged EXIF raises what Pillow raises.
    """
    details, place = _directory(exif, _IFD.Exif), _directory(exif, _IFD.GPSInfo)
    kept = {tag: exif[tag] for tag in exif if tag in _DESCRIPTIVE} | resolution_tags(dpi)
    if exif.get(_Tag.Orientation) in _SIDEWAYS and {_Tag.XResolution, _Tag.YResolution} <= kept.keys():
        across, down = kept[_Tag.XResolution], kept[_Tag.YResolution]
        kept |= {_Tag.XResolution: down, _Tag.YResolution: across}
    return pack_exif(kept, {tag: details[tag] for tag in details if tag not in _STALE_DETAILS}, place)


def find_dpi(image: Image.Image) -> tuple[float, float] | None:
    """Find the pixels per inch, across and down, in an opened file outside of its EXIF, or None."""
    dpi: Any = image.info.get("dpi")
    if isinstance(image, TiffImageFile):  # whose tags are its EXIF
        return None
    if isinstance(image, JpegImageFile):  # for which Pillow makes up what is missing
        unit, density = (image.info.get(name) for name in ("jfif_unit", "jfif_density"))
        dpi = [side * _JFIF_UNITS[unit] for side in density] if density and unit in _JFIF_UNITS else None
    if not dpi or not all(math.isfinite(side) and side >= 1 for side in dpi):
        return None
    return round(float(dpi[0]), 2), round(float(dpi[1]), 2)  # PNG counts in whole pixels a meter


def resolution_tags(dpi: tuple[float, float] | None) -> dict[int, Any]:
    """Convert pixels per inch to tags of EXIF."""
    if dpi is None:
        return {}
    return {_Tag.XResolution: dpi[0], _Tag.YResolution: dpi[1], _Tag.ResolutionUnit: _INCH}


def dpi_of_exif(exif: bytes | None) -> tuple[float, float] | None:
    """Read the pixels per inch, across and down, from EXIF bytes, or None."""
    try:
        tags = load_exif(exif or b"")
        inch = 2.54 if tags.get(_Tag.ResolutionUnit, _INCH) == _CENTIMETER else 1.0
        across, down = (float(tags[tag]) * inch for tag in (_Tag.XResolution, _Tag.YResolution))
    except Exception:  # EXIF is written by a thousand devices
        return None
    is_usable = all(1 <= side <= _MOST_DPI for side in (across, down))
    return (across, down) if is_usable else None


def _directory(exif: Image.Exif, tag: int) -> Mapping[int, Any]:
    value = exif.get(tag)  # a dict if set in memory, an offset if read from a file
    return value if isinstance(value, dict) else exif.get_ifd(tag)


def pack_exif(main: Mapping[int, Any], details: Mapping[int, Any], place: Mapping[int, Any]) -> bytes | None:
    """Pack a main, an Exif and a GPS directory (tag to value) as EXIF bytes; None if all are empty."""
    exif = Image.Exif()
    exif.update(main)
    if details:
        exif[_IFD.Exif] = dict(details)
    if place:
        exif[_IFD.GPSInfo] = dict(place)
    return exif.tobytes() if exif else None


def load_exif(data: bytes) -> Image.Exif:
    """Parse EXIF bytes of `pack_exif` with Pillow."""
    exif = Image.Exif()
    exif.load(data)
    return exif


def pack_record(record: str) -> bytes:
    """Pack the record into an XMP packet, UTF-8."""
    return _PACKET.format(record=escape(record)).encode()


def find_record(xmp: bytes | str | None) -> str | None:
    """Find the record in an XMP packet, or None."""
    text = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else xmp or ""
    found = _RECORD.search(text)
    return unescape(found[1]) if found else None
