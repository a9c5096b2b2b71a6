"""Draw docs/images/interpolation.jpg: a style at five strengths, and five steps from one style to another."""

from pathlib import Path

from PIL import Image

import impasto

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "examples" / "pictures" / "summer-palace.jpg"
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
HEIGHT, GAP = 210, 4  # pixels


def main(out: Path = ROOT / "docs" / "images" / "interpolation.jpg") -> None:
    with Image.open(PHOTO) as file:
        photo = file.convert("RGB")
    photo.thumbnail((photo.width, 2 * HEIGHT))
    rows = [
        [impasto.load("starry-night", strength=share)(photo) for share in STEPS],
        [impasto.load([("starry-night", 1 - share), ("great-wave", share)])(photo) for share in STEPS],
    ]
    width = round(photo.width * HEIGHT / photo.height)
    sheet = Image.new("RGB", (len(STEPS) * (width + GAP) - GAP, len(rows) * (HEIGHT + GAP) - GAP), "white")
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            small = picture.resize((width, HEIGHT), Image.Resampling.LANCZOS)
            sheet.paste(small, (across * (width + GAP), down * (HEIGHT + GAP)))
    sheet.save(out, quality=88)


if __name__ == "__main__":
    main()
