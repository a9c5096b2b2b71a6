"""`impasto evaluate`: from folders to table, JSON and report; engines; what is wrong, in words."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from skimage import data

from impasto import styles
from impasto.cli.evaluate import parse_engine, parse_named
from impasto.errors import UsageError
from impasto.evaluation.options import EngineSpec
from tests.clips import pan, write_clip

Impasto = Callable[..., Any]

PAIRS = [(photo, style) for photo in ("astronaut", "chelsea") for style in ("great-wave", "starry-night")]
FAST = ("--size", 64, "--resamples", 200)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos, two styles, and what two methods made of them: much and little of the style laid over."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "styles", "much", "little"):
        (tmp_path / name).mkdir()
    for photo, style in PAIRS:
        picture = Image.fromarray(getattr(data, photo)()).resize((96, 72))
        with Image.open(styles.paintable()[style]) as texture:
            look = texture.crop((0, 0, 160, 160)).resize((80, 80))
        picture.save(f"photos/{photo}.png")
        look.save(f"styles/{style}.png")
        for folder, share in (("much", 0.8), ("little", 0.2)):
            Image.blend(picture, look.resize((96, 72)), share).save(f"{folder}/{photo}_stylized_{style}.png")
    return tmp_path


@pytest.fixture
def evaluate(impasto: Impasto, desk: Path) -> Impasto:
    def run(*arguments: object, **rest: Any) -> Any:
        return impasto("evaluate", "--photos", "photos", "--styles", "styles", *FAST, *arguments, **rest)

    return run


class Page(HTMLParser):
    """Tags and what they hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_two_folders_side_by_side(evaluate: Impasto, desk: Path) -> None:
    result = evaluate("--results", "much", "little", "--compare", "much", "little",
                      "--json", "all.json", "--html", "report.html", columns=110)  # fmt: skip
    assert result.exit_code == 0, result.output
    rows = [line.split()[0] for line in result.stdout.splitlines() if re.match(r"\w+ .*\d", line)]
    assert rows[:5] == ["much", "little", "photo", "style", "colors"]
    assert "Mean errors over 4 pairs of 2 photos and 2 styles at 64 pixels, backbone compact" in result.stdout
    assert "On the whole neither is: much takes more of the styles, little keeps more" in result.stdout
    _check_json(json.loads(Path("all.json").read_text()))
    _check_page(Page(Path("report.html").read_text()))
    assert "written: all.json, report.html" in result.stderr


def test_names_are_no_markup_and_forge_no_line(evaluate: Impasto, desk: Path) -> None:
    Path("much").rename("[red]much\nforged")
    result = evaluate("--results", "[red]much\nforged", "little", "--compare", "[red]much\nforged", "little")
    assert result.exit_code == 0, result.output
    assert not [line for line in result.output.splitlines() if line.strip().startswith("forged")]
    assert result.stdout.count(r"[red]much\nforged") > 1


def _check_json(told: dict[str, Any]) -> None:
    table = {row["name"]: row for row in told["table"]}
    assert list(table) == ["much", "little", "photo", "style", "colors"]
    assert table["photo"]["content"] == {"mean": 0, "low": 0, "high": 0}
    assert table["photo"]["ssim"]["mean"] == pytest.approx(1)
    for name, row in table.items():
        pairs = [pair["values"][name]["moments"] for pair in told["pairs"]]
        assert len(pairs) == 4
        assert row["moments"]["mean"] == pytest.approx(sum(pairs) / 4)
        assert row["moments"]["low"] <= row["moments"]["mean"] <= row["moments"]["high"]
    assert told["front"] == ["much", "little"]
    assert {c["metric"]: c["better"] for c in told["comparison"]} == {
        "moments": "much", "gram": "much", "content": "little", "ssim": "little",
        "layout": "little",
    }  # fmt: skip
    assert told["options"]["size"] == 64 and told["failures"] == []


def _check_page(page: Page) -> None:
    assert "Beaten by none in both style and content" in page.text
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 4 * 5  # photo, style, colors and the two
    assert all(
        (image["src"] or "").startswith("data:image/jpeg;base64,") and image["alt"] for image in images
    )
    assert not any(name in ("script", "link") for name, _ in page.tags)
    assert [a["role"] for tag, a in page.tags if tag == "svg"] == ["img"]
    assert "chelsea in starry-night" in page.text


def test_numbers_are_kept_and_taken_up(evaluate: Impasto, desk: Path) -> None:
    assert evaluate("--results", "much", "--keep", "kept", "--quiet").exit_code == 0
    path = Path("kept/measured.jsonl")
    lines = path.read_text().splitlines()
    assert len(lines) == 4 * 4
    entry = json.loads(lines[0])
    entry["values"]["gram"] = 123.0
    path.write_text("\n".join([json.dumps(entry), *lines[1:]]))
    again = evaluate("--results", "much", "little", "--keep", "kept", "--json", "all.json")
    assert again.exit_code == 0
    pairs = json.loads(Path("all.json").read_text())["pairs"]
    assert 123.0 in [row["gram"] for pair in pairs for row in pair["values"].values()]
    assert len(path.read_text().split()) >= len(lines) + 4


def test_engines_make_their_pictures_and_go_on(
    evaluate: Impasto, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in a process of its own, which tells time and memory; what is there is not made again."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    engines = ("--engine", "soft=stylize:strength=0.2", "quick=paint:iterations=2")
    result = evaluate(*engines, "--results", "much", "--json", "all.json")
    assert result.exit_code == 0, result.output
    table = {row["name"]: row for row in json.loads(Path("all.json").read_text())["table"]}
    assert set(table) == {"soft", "quick", "much", "photo", "style", "colors"}
    for name in ("soft", "quick"):
        assert table[name]["seconds"]["mean"] > 0
        assert 100e6 < table[name]["memory"] < 4e9
    assert "seconds" not in table["much"] and "memory" not in table["photo"]
    # two gradients leave the recolored photo where it was
    assert 0 < table["quick"]["content"]["mean"] < table["soft"]["content"]["mean"]
    made = sorted(Path("evaluation").glob("*/*.png"))
    assert [f"{path.parent.name}/{path.stem}" for path in made[:2]] == [
        "quick/astronaut-great-wave", "quick/astronaut-starry-night",
    ]  # fmt: skip
    with Image.open(made[0]) as picture:
        assert len(made) == 8 and picture.size == (64, 48)
    before = {path: path.stat().st_mtime_ns for path in made}
    made[0].unlink()
    made[1].write_bytes(b"what a full disk leaves")
    assert evaluate(*engines, "--quiet").exit_code == 0
    assert [path for path in made if path.stat().st_mtime_ns != before[path]] == made[:2]


def test_ctrl_c_keeps_what_was_made(interrupt: Callable[..., str], evaluate: Impasto, desk: Path) -> None:
    folders = ("--photos", "photos", "--styles", "styles", *FAST)
    engines = ("--engine", "stylize", "slow=paint:iterations=2000")  # it cannot have ended before the signal
    rest = interrupt("evaluate", *folders, *engines, at="making stylize")
    assert "stopped; finished work is kept in evaluation, and the same command continues" in rest
    made = list(Path("evaluation/stylize").glob("*.png"))
    assert made
    before = made[0].stat().st_mtime_ns
    assert evaluate("--engine", "stylize", "--quiet").exit_code == 0
    assert made[0].stat().st_mtime_ns == before
    assert len(list(Path("evaluation/stylize").glob("*.png"))) == 4


def test_a_picture_that_cannot_be_read_is_a_sentence(evaluate: Impasto, desk: Path) -> None:
    broken = desk / "much" / "chelsea_stylized_great-wave.png"
    broken.write_bytes(broken.read_bytes()[:300])
    (desk / "much" / "astronaut_stylized_great-wave.png").unlink()
    (desk / "much" / "cover.png").write_bytes(b"")
    result = evaluate("--results", "much")
    assert result.exit_code == 1
    assert re.search(r"error: \S*chelsea_stylized_great-wave\.png", result.stderr)
    assert "much lacks 1 of 4 pictures: astronaut in great-wave" in result.stderr
    assert "much has 1 pictures of no pair, which are left out: cover.png" in result.stderr
    assert "over 2 pairs of 2 photos and 1 style" in result.stdout
    assert "Traceback" not in result.output


def test_a_photo_that_no_engine_can_read(evaluate: Impasto, desk: Path) -> None:
    (desk / "photos" / "chelsea.png").write_bytes(b"this is text")
    result = evaluate("--engine", "stylize")
    assert result.exit_code == 1
    assert result.stderr.count("stylize: photos/chelsea.png") == 1
    assert "over 2 pairs of 1 photo and 2 styles" in result.stdout


def test_a_copy_of_the_photo_is_seen_through(evaluate: Impasto, desk: Path) -> None:
    for photo, style in PAIRS:
        Path(f"much/{photo}_stylized_{style}.png").write_bytes(Path(f"photos/{photo}.png").read_bytes())
        Path(f"little/{photo}_stylized_{style}.png").write_bytes(Path(f"styles/{style}.png").read_bytes())
    result = evaluate("--results", "copy=much", "loss=little", columns=300)
    assert "copy is not shown to be closer to the styles than the photo with the style's" in result.stdout
    assert "loss is not shown to keep more of the photos than the styles themselves" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "missing --results or --engine: name a folder of pictures with --results, or"),
        (("--engine", "draw"), "an engine must be one of stylize, paint, not draw"),
        (("--engine", "stylize:tint=1"), "stylize has no option tint: choose among strength, keep_color"),
        (("--engine", "paint:strength=2"), "strength must be from 0 to 1, not 2"),
        (("--engine", "paint:strength"), "strength is not an option of an engine: write NAME=VALUE"),
        (
            ("--results", "much", "much"),
            "two --results have the name much: give one another name, e.g. --results mine=",
        ),
        (
            ("--results", "much", "--compare", "much", "best"),
            "no results with the name best: choose among much",
        ),
        (("--results", "much", "--pattern", "{photo}"), "--pattern must contain {photo} and {style}"),
        (("--results", "much", "--also", "fid"), "--also must be one of lpips, artfid, not fid"),
        (("--results", "style=much"), "style is the name of a control"),
        (("--results", "much", "--size", "8"), "size must be a whole number from 64"),
        (("--results", "much", "--video", "a.mp4"), "to measure a video, give --video and --original only"),
        (("--results", "much", "--html", "no/r.html"), "there is no folder"),
    ],
)
def test_what_cannot_be_meant(evaluate: Impasto, arguments: tuple[str, ...], said: str) -> None:
    result = evaluate(*arguments)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert not Path("evaluation").exists()


def test_folders_are_needed(impasto: Impasto) -> None:
    result = impasto("evaluate", "--results", "x")
    assert result.exit_code == 2
    assert "missing --photos or --styles: evaluate needs --photos DIR --styles DIR" in result.stderr


def test_flicker_of_a_video(impasto: Impasto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frames = pan(4, (64, 80))
    write_clip(tmp_path / "clip.mp4", frames)
    write_clip(tmp_path / "painted.mp4", [255 - frame for frame in frames])
    result = impasto("evaluate", "--video", "painted.mp4", "--original", "clip.mp4",
                     "--json", "flicker.json", "--html", "flicker.html")  # fmt: skip
    assert result.exit_code == 0, result.output
    table = json.loads(Path("flicker.json").read_text())["table"]
    assert [row["name"] for row in table] == ["painted", "original", "first frame held"]
    assert table[0]["frames"] == 4 and 0 < table[0]["error"]["mean"] < table[2]["error"]["mean"] < 1
    assert f"{table[0]['error']['mean']:.4f}" in result.stdout
    assert "the clip itself" in Page(Path("flicker.html").read_text()).text


def test_names() -> None:
    assert parse_named("mine=there/x") == ("mine", Path("there/x"))
    assert parse_named("there/x")[0] == "x"
    assert parse_engine("paint") == EngineSpec("paint", "paint", {})
    assert parse_engine("a=stylize:strength=0.5,keep-color=lab-transfer") == EngineSpec(
        "a", "stylize", {"strength": 0.5, "keep_color": "lab-transfer"}
    )
    assert parse_engine("paint:iterations=9,normalize=false").name == "paint iterations=9 normalize=False"
    with pytest.raises(UsageError, match=r"paint has no option size"):
        parse_engine("paint:size=3")
