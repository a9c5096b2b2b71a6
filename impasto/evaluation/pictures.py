"""Pictures of an evaluation: matched by their names, read, and the controls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from impasto.errors import ImageError, UsageError
from impasto.imaging import io
from impasto.imaging.color_transfer import match_colors
from impasto.imaging.files import IMAGE_SUFFIXES, is_image_name
from impasto.imaging.geometry import fit_long_side, resize

CONTROLS = {
    "photo": "the untouched photo",
    "style": "the style itself",
    "colors": "the photo with the style's colors",
}
_SHAPE = 0.02  # relative difference of a result's and its photo's aspect ratios that causes no note
Pair = tuple[str, str]  # names of a photo and of a style

# usual patterns of names; the first is ours, "_stylized_" is used by AdaIN, its descendants, and StyleID
PATTERNS = (
    "{photo}-{style}",
    "{photo}_stylized_{style}",
    "{photo}_{style}",
    "{photo}__{style}",
    "{style}-{photo}",
    "{style}_{photo}",
    "{photo}/{style}",
    "{style}/{photo}",
)
_SHOWN = 3


def read(path: Path, size: int) -> Tensor:
    """Read a picture, (1, 3, H, W) in [0, 1], `size` pixels on the long side, on white. Raises ImageError."""
    image = _opaque(path)
    return resize(image, fit_long_side((image.shape[2], image.shape[3]), size))


def read_like(path: Path, photo: Tensor) -> tuple[Tensor, bool]:
    """Read a result at its photo's size; also returns True if that stretched it. Raises ImageError."""
    image = _opaque(path)
    height, width = photo.shape[2:]
    stretch = (image.shape[3] / image.shape[2]) / (width / height)
    # sides are whole numbers of pixels, so small pictures differ by half a pixel
    allowed = _SHAPE + 1 / min(image.shape[2:]) + 1 / min(height, width)
    return resize(image, (height, width)), abs(stretch - 1) > allowed


def control(name: str, photo: Tensor, style: Tensor) -> Tensor:
    """Make a control picture of the photo's size: see CONTROLS."""
    if name == "photo":
        return photo
    if name == "style":
        return resize(style, (photo.shape[2], photo.shape[3]))
    return match_colors(photo, style)


def digest(path: Path) -> str:
    """Hash of a file's content, 32 hexadecimal digits. Raises ImageError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}") from error


def _opaque(path: Path) -> Tensor:
    image, info = io.read(path)
    if info.alpha is not None:
        image = image * info.alpha + (1 - info.alpha)
    return image[None]


@dataclass(frozen=True)
class Results:
    """Pictures of a folder by pair, the pattern of their names, and notes for the user."""

    pictures: Mapping[Pair, Path]
    pattern: str
    notes: tuple[str, ...] = ()


def list_pictures(folder: Path) -> dict[str, Path]:
    """List the pictures of a folder, or one picture, by name without suffix, in alphabetical order.

    Raises:
        ImageError: the folder does not exist.
        UsageError: no pictures in it, or two pictures with one name.
    """
    if not folder.exists():
        raise ImageError(f"{folder} does not exist; check its name and folder")
    files = [folder] if folder.is_file() else [path for path in sorted(folder.iterdir()) if _is_picture(path)]
    if not files:
        raise UsageError(f"there are no pictures in {folder}")
    return _by_name(files, {path: path.stem for path in files})


def match_results(
    folder: Path, photos: Sequence[str], styles: Sequence[str], pattern: str | None = None
) -> Results:
    """Match the pictures below a folder with the names of photos and styles.

    Args:
        pattern: pattern of the names, such as "{photo}-{style}.png" or "{style}/{photo}"; None detects it.

    Raises:
        ImageError: the folder does not exist.
        UsageError: a pattern without both names, a pattern that no picture matches, or one name for two
            pairs.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder} is not a folder of pictures; check its name")
    files = [path for path in sorted(folder.rglob("*")) if _is_picture(path)]
    ties: list[str] = []
    if pattern is not None:
        _check(pattern)
        found = _matched(folder, files, photos, styles, pattern)
    else:
        pattern, found, ties = _recognised(folder, files, photos, styles)
    if not found:
        raise UsageError(_nothing(folder, files, photos, styles, pattern))
    notes = [
        *_missing(folder, found, photos, styles),
        *_extra(folder, files, found),
        *([_tie(folder, pattern, ties)] if ties else []),
    ]
    return Results(found, pattern, tuple(notes))


def _recognised(
    folder: Path, files: Sequence[Path], photos: Sequence[str], styles: Sequence[str]
) -> tuple[str, dict[Pair, Path], list[str]]:
    """Find the pattern that most names match, its pictures, and other patterns with as many matches."""
    found: dict[str, dict[Pair, Path]] = {}
    refused = None
    for pattern in PATTERNS:
        try:
            found[pattern] = _matched(folder, files, photos, styles, pattern)
        except UsageError as error:  # another pattern may match
            refused = error
    if not found:
        assert refused is not None
        raise refused
    best = max(found, key=lambda pattern: len(found[pattern]))
    ties = [p for p, own in found.items() if own != found[best] and len(own) == len(found[best]) > 0]
    return best, found[best], ties


def _matched(
    folder: Path, files: Sequence[Path], photos: Sequence[str], styles: Sequence[str], pattern: str
) -> dict[Pair, Path]:
    names = {}
    for path in files:
        place = path.relative_to(folder)
        whole = Path(pattern).suffix.lower() in IMAGE_SUFFIXES
        names[path] = (place if whole else place.with_name(place.stem)).as_posix()
    there = {name: path for path, name in names.items()}
    pairs: dict[str, Pair] = {}
    for photo in photos:
        for style in styles:
            name = pattern.replace("{photo}", photo).replace("{style}", style)
            other = pairs.setdefault(name, (photo, style))
            if other != (photo, style) and name in there:
                raise UsageError(
                    f"{there[name]} may be {other[0]} in {other[1]} or {photo} in {style}: rename a photo "
                    "or style, or give the pattern of the names with pattern="
                )
    wanted = [path for path in files if names[path] in pairs]
    return {pairs[name]: path for name, path in _by_name(wanted, names).items()}


def _by_name(files: Sequence[Path], names: Mapping[Path, str]) -> dict[str, Path]:
    chosen: dict[str, Path] = {}
    for path in files:
        other = chosen.setdefault(names[path], path)
        if other != path:
            raise UsageError(f"{other} and {path} differ only in their suffix: remove or rename one of them")
    return chosen


def _is_picture(path: Path) -> bool:
    return is_image_name(path) and path.is_file()


def _check(pattern: str) -> None:
    if "{photo}" not in pattern or "{style}" not in pattern:
        raise UsageError(
            f"pattern= must contain {{photo}} and {{style}}, as in {{photo}}-{{style}}, not {pattern}"
        )


def _nothing(
    folder: Path, files: Sequence[Path], photos: Sequence[str], styles: Sequence[str], pattern: str
) -> str:
    if not files:
        return f"there are no pictures in {folder}"
    expected = pattern.replace("{photo}", photos[0]).replace("{style}", styles[0])
    return (
        f"no picture in {folder} is named after a photo and a style, such as {expected}: "
        f"tell with pattern= how {files[0].relative_to(folder)} is named, as in '{{photo}}_{{style}}.png'"
    )


def _missing(
    folder: Path, found: Mapping[Pair, Path], photos: Sequence[str], styles: Sequence[str]
) -> Iterator[str]:
    missing = [f"{photo} in {style}" for photo in photos for style in styles if (photo, style) not in found]
    if missing:
        yield f"{folder} lacks {len(missing)} of {len(photos) * len(styles)} pictures: {_some(missing)}"


def _extra(folder: Path, files: Sequence[Path], found: Mapping[Pair, Path]) -> Iterator[str]:
    known = set(found.values())
    extra = [str(path.relative_to(folder)) for path in files if path not in known]
    if extra:
        yield f"{folder} has {len(extra)} pictures of no pair, which are left out: {_some(extra)}"


def _tie(folder: Path, pattern: str, ties: Sequence[str]) -> str:
    return (
        f"{folder}: names are read as {pattern}, but could be {' or '.join(ties)} as well; "
        "pattern= makes it certain"
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
