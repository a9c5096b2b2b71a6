"""Metadata of picture files: EXIF, and impasto's record in an XMP packet."""

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, unescape

from PIL import ExifTags, Image

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


def clean_exif(exif: Image.Exif) -> bytes | None:
    """The EXIF of a photo that stays true for a picture made from it, or None if there is none.

    Camera, time, place, author and maker notes stay; orientation, thumbnail, stored size and the
    layout tags of TIFF go. Damaged EXIF raises what Pillow raises.
    """
    details, place = _directory(exif, _IFD.Exif), _directory(exif, _IFD.GPSInfo)
    kept = {tag: exif[tag] for tag in exif if tag in _DESCRIPTIVE}
    return pack_exif(kept, {tag: details[tag] for tag in details if tag not in _STALE_DETAILS}, place)


def _directory(exif: Image.Exif, tag: int) -> Mapping[int, Any]:
    value = exif.get(tag)  # a dict if set in memory, an offset if read from a file
    return value if isinstance(value, dict) else exif.get_ifd(tag)


def pack_exif(main: Mapping[int, Any], details: Mapping[int, Any], place: Mapping[int, Any]) -> bytes | None:
    """EXIF bytes of a main, an Exif and a GPS directory (tag to value); None if all are empty."""
    exif = Image.Exif()
    exif.update(main)
    if details:
        exif[_IFD.Exif] = dict(details)
    if place:
        exif[_IFD.GPSInfo] = dict(place)
    return exif.tobytes() if exif else None


def load_exif(data: bytes) -> Image.Exif:
    """EXIF bytes, as `pack_exif` gives them, in Pillow's form."""
    exif = Image.Exif()
    exif.load(data)
    return exif


def pack_record(record: str) -> bytes:
    """An XMP packet, UTF-8, that holds the record."""
    return _PACKET.format(record=escape(record)).encode()


def find_record(xmp: bytes | str | None) -> str | None:
    """The record in an XMP packet, or None."""
    text = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else xmp or ""
    found = _RECORD.search(text)
    return unescape(found[1]) if found else None
