"""Make the pictures of docs/control.md by the commands that the page quotes: all, or those that are named.

python examples/handles.py [color detail ...]
"""

import re
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "control.md"
PHOTO = ROOT / "examples" / "pictures" / "summer-palace.jpg"
WAVE = ROOT / "impasto" / "styles" / "pictures" / "woodblock-sea.jpg"

WIDTH, GAP, LABEL = 960, 6, 20  # pixels
MOST_BYTES = 120_000
CROPS = {"detail": (60, 20, 360, 220)}  # left, top, right, bottom
PALACE = (
    (205, 26), (218, 48), (222, 64), (242, 84), (282, 106), (322, 116), (318, 130), (298, 136),
    (298, 160), (332, 172), (328, 190), (320, 196), (322, 228), (352, 250), (354, 266), (340, 276),
    (344, 304), (374, 338), (322, 390), (316, 427), (288, 427), (200, 366), (78, 346), (84, 286),
    (60, 266), (96, 236), (104, 192), (82, 178), (90, 164), (120, 156), (120, 138), (94, 128), (98, 106),
    (134, 98), (170, 82), (190, 64), (196, 46),
)  # fmt: skip
HORIZON = 212


def main(*names: str) -> None:
    pictures = read_page()
    for name in names or pictures:
        with tempfile.TemporaryDirectory() as folder:
            prepare(Path(folder))
            for words in pictures[name]:
                subprocess.run([sys.executable, "-m", *words], cwd=folder, check=True)
            picture = assemble(name, pictures[name], Path(folder))
        (ROOT / "docs" / "images" / f"control-{name}.jpg").write_bytes(compress(picture))


def read_page(page: Path = PAGE) -> dict[str, list[list[str]]]:
    """The words of the commands that stand in a section, by the name of its picture."""
    found = {}
    for section in page.read_text(encoding="utf-8").split("\n## "):
        blocks = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
        lines = [line.split("#")[0].split() for block in blocks for line in block.splitlines()]
        if name := re.search(r"\(images/control-([\w-]+)\.jpg\)", section):
            found[name[1]] = [words for words in lines if words]
    return found


def prepare(folder: Path) -> None:
    """What the commands read: photo.jpg, wave.jpg, and masks with soft edges."""
    shutil.copy(PHOTO, folder / "photo.jpg")
    shutil.copy(WAVE, folder / "wave.jpg")
    with Image.open(PHOTO) as photo:
        palace, sky = Image.new("L", photo.size), Image.new("L", photo.size)
    ImageDraw.Draw(palace).polygon(PALACE, fill=255)
    ImageDraw.Draw(sky).rectangle((0, 0, sky.width, HORIZON), fill=255)
    sky.paste(0, mask=palace)
    for name, mask in (("palace", palace), ("sky", sky)):
        mask.filter(ImageFilter.GaussianBlur(2)).save(folder / f"{name}.png")


def assemble(name: str, commands: list[list[str]], folder: Path) -> Image.Image:
    """All pictures that the commands mention, labelled, in the shape of the first; of a sheet, that alone."""
    written = [words[words.index("-o") + 1] for words in commands]
    text = " ".join(word for words in commands for word in words)
    mentioned = sorted(re.findall(r"[\w-]+\.(?:jpg|png)", text), key=lambda file: file in written)
    pictures = {file: Image.open(folder / file).convert("RGB") for file in dict.fromkeys(mentioned)}
    if sheet := pictures.get("sheet.png"):
        return sheet.resize((WIDTH, round(sheet.height * WIDTH / sheet.width)), Image.Resampling.LANCZOS)
    if box := CROPS.get(name):
        pictures = {file: picture.crop(box) for file, picture in pictures.items()}
    return tile(pictures)


def tile(pictures: dict[str, Image.Image]) -> Image.Image:
    """Pictures in rows, under their names."""
    across = 2 if len(pictures) in (2, 4) else 3
    width = (WIDTH - GAP * (across - 1)) // across
    first = next(iter(pictures.values()))
    height = round(first.height * width / first.width)
    down = -(-len(pictures) // across) * (height + LABEL + GAP) - GAP
    whole = Image.new("RGB", (WIDTH, down), "white")
    for index, (file, picture) in enumerate(pictures.items()):
        left, top = index % across * (width + GAP), index // across * (height + LABEL + GAP)
        ImageDraw.Draw(whole).text((left, top + 2), Path(file).stem, "black", ImageFont.load_default(14))
        whole.paste(ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS), (left, top + LABEL))
    return whole


def compress(picture: Image.Image) -> bytes:
    """JPEG as good as fits."""
    for quality in range(88, 30, -4):
        buffer = BytesIO()
        picture.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
        if buffer.tell() <= MOST_BYTES:
            break
    return buffer.getvalue()


if __name__ == "__main__":
    main(*sys.argv[1:])
