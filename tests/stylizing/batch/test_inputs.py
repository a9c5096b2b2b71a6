"""Which photos are meant, and where their pictures go."""

import os
from pathlib import Path

import pytest

from impasto.errors import ImageError, UsageError
from impasto.stylizing import BulkOptions, collect
from impasto.stylizing.batch.inputs import count_kinds, keeps_suffix

NAMES = (
    "in/b.jpg",
    "in/a.PNG",
    "in/deep/er/c.webp",
    "in/deep/e.heic",
    "in/notes.txt",
    "in/.hidden.jpg",
    "in/.cache/d.jpg",
    "one.jpg",
    "übergröße 絵.jpg",
    "odd[1].jpg",
    "raw",
)


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a tree of empty files: names are all that counts here."""
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def targets(inputs, out="out", **options):
    items = collect(inputs, out, BulkOptions(**options))
    return [item.target.relative_to(out).as_posix() for item in items]


def test_a_tree_is_mirrored():
    assert targets(["in"]) == ["a.PNG", "b.jpg", "deep/e.png", "deep/er/c.webp"]
    assert [item.source.as_posix() for item in collect(["in/deep"], "out")] == [
        "in/deep/e.heic",
        "in/deep/er/c.webp",
    ]


def test_files_trees_and_patterns_together():
    found = targets([Path("one.jpg"), "übergröße 絵.jpg", "in/deep", "in/*.jpg", "odd[1].jpg", "raw"])
    assert found == ["one.jpg", "übergröße 絵.jpg", "e.png", "er/c.webp", "b.jpg", "odd[1].jpg", "raw.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["odd[1].jpg", "one.jpg", "übergröße 絵.jpg"]),
        ("in/**/*.[jw]*", ["b.jpg", "deep/er/c.webp"]),
        ("in/d*", ["deep/e.png", "deep/er/c.webp"]),
        ("in/*/er/*", ["deep/er/c.webp"]),
        ("i?/[ab].*", ["in/a.PNG", "in/b.jpg"]),
    ],
)
def test_patterns_mirror_what_they_leave_open(tree, pattern, expected):
    assert targets([pattern]) == expected
    assert targets([str(tree / pattern)]) == expected


def test_what_is_hidden_can_be_asked_for():
    assert targets(["in/.cache"]) == targets(["in/.cache/*.jpg"]) == ["d.jpg"]
    assert targets(["in/.hidden.jpg"]) == [".hidden.jpg"]


SUFFIXES = (".bmp", ".gif", ".jpg", ".png", ".webp")


@pytest.fixture
def one_stem(tree):
    (tree / "stem" / "deep").mkdir(parents=True)
    for suffix in SUFFIXES:
        (tree / f"stem/IMG_1{suffix}").touch()
    (tree / "stem/deep/IMG_1.gif").touch()
    return ["stem"]


def test_photos_that_differ_in_their_suffix_alone_keep_it(one_stem):
    kept = ["IMG_1.bmp.png", "IMG_1.gif.png", "IMG_1.jpg", "IMG_1.png", "IMG_1.webp", "deep/IMG_1.png"]
    assert sorted(targets(one_stem)) == kept
    assert targets([f"stem/IMG_1{suffix}" for suffix in reversed(SUFFIXES)])[::-1] == kept[:-1]
    in_webp = ["IMG_1.bmp.webp", "IMG_1.gif.webp", "IMG_1.jpg.webp", "IMG_1.png.webp", "IMG_1.webp"]
    assert sorted(targets(["stem/*.*"], suffix="webp")) == in_webp


def test_only_those_that_would_collide_keep_their_suffix(one_stem, tree):
    (tree / "stem/IMG_2.gif").touch()
    assert "IMG_2.png" in targets(one_stem)
    items = collect(one_stem, "out")
    assert sorted(item.target.name for item in items if keeps_suffix(item.source, item.target)) == [
        "IMG_1.bmp.png",
        "IMG_1.gif.png",
    ]
    (raw,) = collect(["raw"], "out")
    assert not keeps_suffix(raw.source, raw.target)


def test_a_kept_suffix_never_replaces_another_picture(one_stem, tree):
    (tree / "stem/IMG_1.gif.png").touch()
    with pytest.raises(UsageError, match=r"IMG_1\.gif and .*IMG_1\.gif\.png would both become"):
        targets(one_stem)


@pytest.mark.parametrize("inputs", ["in", "in/**/*"])
def test_what_is_no_picture_is_told_of(tree, inputs):
    for name in ("a.DNG", "b.dng", "deep/c.jxl", "noext", ".hidden.dng", "out/d.dng"):
        (tree / "in" / name).parent.mkdir(exist_ok=True)
        (tree / "in" / name).touch()
    passed_over = []
    collect([inputs], "in/out", on_passed_over=passed_over.append)
    assert sorted(path.name for path in passed_over) == ["a.DNG", "b.dng", "c.jxl", "noext", "notes.txt"]
    assert count_kinds(passed_over) == "2 .dng, 1 without a suffix, 1 .jxl, 1 .txt"


def test_a_folder_without_pictures_says_what_it_has(tree):
    (tree / "camera").mkdir()
    (tree / "camera/a.nef").touch()
    with pytest.raises(UsageError, match=r"there are no pictures in camera; passed over: 1 \.nef$"):
        collect(["camera"], "out")


def test_formats():
    assert targets(["in"], suffix=".webp")[:2] == ["a.webp", "b.webp"]
    assert targets(["in"], suffix="tiff")[0] == "a.tiff"
    assert targets(["in"], bit_depth=16)[:2] == ["a.PNG", "b.png"]


def test_one_photo_to_one_file():
    (item,) = collect(["one.jpg"], "new.tif")
    assert (item.source, item.target) == (Path("one.jpg"), Path("new.tif"))
    Path("folder.png").mkdir()
    assert targets(["one.jpg"], "folder.png") == ["one.jpg"]


def test_what_is_named_twice_is_done_once(tree):
    assert targets(["in", "./in", "in/b.jpg", str(tree / "in")]) == targets(["in"])


def test_links_lead_on_but_not_around(tree):
    (tree / "album").symlink_to(tree / "in" / "deep")
    (tree / "in" / "deep" / "back").symlink_to(tree)
    (tree / "in" / "broken.jpg").symlink_to("none.jpg")
    assert targets(["album"])[:2] == ["e.png", "back/odd[1].jpg"]
    assert len(targets(["album"])) == len(set(targets(["album"])))


def test_earlier_results_are_no_photos(tree):
    (tree / "in" / "out").mkdir()
    (tree / "in" / "out" / "b.jpg").touch()
    for inputs in (["in"], ["in/**/*"]):
        assert targets(inputs, "in/out") == ["a.PNG", "b.jpg", "deep/e.png", "deep/er/c.webp"]


@pytest.mark.parametrize(
    ("inputs", "out", "error", "words"),
    [
        (["none.jpg"], "out", ImageError, "none.jpg does not exist"),
        (["none.jpg"], "out.png", ImageError, "none.jpg does not exist"),
        (["in/*.bmp"], "out", ImageError, r"in/\*\.bmp matches nothing"),
        (["in/*.txt"], "out", UsageError, "no pictures in"),
        (["in/**.jpg"], "out", UsageError, r"in/\*\*\.jpg is no pattern"),
        (["long" * 100], "out", ImageError, "does not exist"),
        (["long" * 100 + "/*.jpg"], "out", ImageError, r"no pictures can be looked for in .*too long"),
        (["*/" + "long" * 100 + "/*.jpg"], "out", ImageError, r"no pictures can be looked for in .*too long"),
        (["in"], "out.png", UsageError, "out.png is the name of one picture"),
        (["one.jpg", "raw"], "out.png", UsageError, "name a folder for many"),
        (["in/*.jpg"], "out.png", UsageError, "name a folder for many"),
        (["one.jpg"], "out.gif", UsageError, "out.gif"),
        (["in"], "in", UsageError, "in/a.PNG is one of the photos and would be overwritten"),
        (["*.jpg"], ".", UsageError, "is one of the photos"),
        (["one.jpg"], "one.jpg", UsageError, "one.jpg is one of the photos"),
        (["one.jpg", "in"], "in/..", UsageError, "one.jpg is one of the photos"),
        (["in/b.jpg", "same/b.jpg"], "out", UsageError, "in/b.jpg and same/b.jpg would both"),
        (["in/deep", "same"], "out", UsageError, "in/deep/e.heic.png and same/e.heic.png would both become"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(tree, inputs, out, error, words):
    (tree / "same").mkdir()
    (tree / "in/deep/e.heic.png").touch()
    for name in ("b.jpg", "e.heic.png"):
        (tree / "same" / name).touch()
    with pytest.raises(error, match=words):
        collect(inputs, out)


def test_a_photo_under_another_name_is_not_overwritten(tree):
    (tree / "out").mkdir()
    os.link("one.jpg", "out/b.jpg")
    with pytest.raises(UsageError, match=r"out/b\.jpg is one of the photos"):
        collect(["one.jpg", "in/b.jpg"], "out")


@pytest.mark.parametrize("suffix", ["gif", ".heic", "jpg2"])
def test_formats_that_cannot_be_written(suffix):
    with pytest.raises(UsageError, match=r"end the name with one of \.jpg"):
        collect(["in"], "out", BulkOptions(suffix=suffix))
    with pytest.raises(UsageError, match="16 bits"):
        collect(["in"], "out", BulkOptions(suffix="jpg", bit_depth=16))


def test_a_folder_that_cannot_be_read(monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)  # root may read anything
    with pytest.raises(ImageError, match="the folder in cannot be read: Permission denied"):
        collect(["in"], "out")


@pytest.fixture
def closed(monkeypatch):
    """Folders that no longer can be read, or are gone by the time that they are."""
    names, usual = {}, os.scandir

    def scan(path):
        if error := names.get(Path(path).name):
            raise error(13 if error is PermissionError else 2, "No", str(path))
        return usual(path)

    monkeypatch.setattr("os.scandir", scan)  # root may read anything
    return names


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError])
@pytest.mark.parametrize("name", ["in", "i?"])
def test_a_folder_below_that_cannot_be_read_is_told_of_and_stops_nothing(closed, error, name):
    closed["er"] = error
    told = []
    items = collect([name], "out", on_unreadable=lambda *one: told.append(one))
    assert [item.source.as_posix() for item in items] == ["in/a.PNG", "in/b.jpg", "in/deep/e.heic"]
    assert told == [(Path("in/deep/er"), "the folder in/deep/er cannot be read: No")]
    with pytest.raises(ImageError, match="the folder in/deep/er cannot be read"):
        collect([name], "out")


def test_where_nothing_else_is_the_folder_is_the_reason(closed):
    closed["er"] = PermissionError
    Path("in/deep/e.heic").unlink()
    with pytest.raises(ImageError, match="the folder in/deep/er cannot be read"):
        collect(["in/deep"], "out", on_unreadable=lambda *one: None)


def test_hidden_folders_are_not_missed(closed):
    closed[".cache"] = PermissionError
    collect(["in"], "out")


def test_photos_that_vanish_or_hide_while_they_are_listed_stop_nothing(monkeypatch):
    """They fail later, each with a reason."""
    usual = os.stat

    def stat(path, *rest, **options):
        if Path(str(path)).name in ("b.jpg", "a.PNG"):
            raise PermissionError(13, "No", str(path))
        return usual(path, *rest, **options)

    monkeypatch.setattr("os.stat", stat)
    assert targets(["in"])[:3] == ["a.PNG", "b.jpg", "deep/e.png"]
    assert targets(["in/*.jpg"]) == ["b.jpg"]
