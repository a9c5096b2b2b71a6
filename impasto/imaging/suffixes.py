"""File name suffixes of the pictures that can be read. Imports nothing."""

IMAGE_SUFFIXES = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".dib", ".avif",
        ".heic", ".heif", ".hif", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".psd", ".qoi",
    }
)  # fmt: skip
