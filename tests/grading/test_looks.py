"""LUTs in files, as pictures, too."""

import pytest
import torch
from PIL import Image

from impasto.errors import ImageError
from impasto.grading.looks import MOST_POINTS, read_cube, read_hald, write_cube, write_hald
from impasto.grading.lut import Lut, identity

HEAD = "LUT_3D_SIZE 2\n"
ROWS = "".join(f"{r} {g} {b}\n" for b in (0, 1) for g in (0, 1) for r in (0, 1))


def test_comes_back_as_it_was(tmp_path):
    lut = identity(9)
    lut = lut.with_outputs(1 - lut.inputs * torch.tensor([1.0, 0.5, 0.25])[:, None, None])
    write_hald(tmp_path / "a.png", lut)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (512, 512)
    back, image = read_hald(tmp_path / "a.png"), torch.rand(3, 16, 16)
    assert back.points == 64
    assert torch.allclose(back(image), lut(image), atol=2e-4)


def test_red_changes_fastest(tmp_path):
    colors = [
        (85 * red, 85 * green, 85 * blue) for blue in range(4) for green in range(4) for red in range(4)
    ]
    picture = Image.new("RGB", (8, 8))
    picture.putdata(colors)
    picture.save(tmp_path / "a.png")
    image = torch.rand(3, 8, 8)
    assert torch.allclose(read_hald(tmp_path / "a.png")(image), image, atol=1e-5)


@pytest.mark.parametrize("size", [(8, 9), (9, 9), (1, 1)])
def test_other_pictures_are_none(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="is not a HaldCLUT"):
        read_hald(tmp_path / "a.png")


def test_comes_back_as_it_was_of_cube(tmp_path):
    lut = Lut(torch.rand(17, 17, 17, 3) * 1.2 - 0.1, "Late sun", (0, 0, -0.5), (1, 2, 1))
    write_cube(tmp_path / "a.cube", lut)
    back = read_cube(tmp_path / "a.cube")
    assert (back.title, back.low, back.high) == (lut.title, lut.low, lut.high)
    assert torch.allclose(back.table, lut.table, atol=1e-6)
    lines = (tmp_path / "a.cube").read_text().splitlines()
    assert lines[:4] == [
        'TITLE "Late sun"',
        "LUT_3D_SIZE 17",
        "DOMAIN_MIN 0.0000000 0.0000000 -0.5000000",
        "DOMAIN_MAX 1.0000000 2.0000000 1.0000000",
    ]
    assert len(lines) == 4 + 17**3


def test_a_title_cannot_end_its_line(tmp_path):
    write_cube(tmp_path / "a.cube", Lut(torch.zeros(2, 2, 2, 3), 'say "so"\nLUT_3D_SIZE 3'))
    assert read_cube(tmp_path / "a.cube").title == "say soLUT_3D_SIZE 3"


def test_red_changes_fastest_of_cube(tmp_path):
    (tmp_path / "a.cube").write_text(HEAD + ROWS)
    assert torch.equal(read_cube(tmp_path / "a.cube").table[0, 0, 1], torch.tensor([1.0, 0.0, 0.0]))


def test_as_other_programs_write_it(tmp_path):
    text = f'\ufeff# made by hand\r\n\r\nTITLE "x"\r\n{HEAD}LUT_3D_INPUT_RANGE 0 2\r\n  # colors\r\n'
    (tmp_path / "a.cube").write_bytes((text + ROWS.replace("1", "1e0")).encode())
    lut = read_cube(tmp_path / "a.cube")
    assert (lut.points, lut.high) == (2, (2.0, 2.0, 2.0))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has no line LUT_3D_SIZE"),
        ("hello\n", "line 1: hello is not a keyword"),
        ("LUT_3D_SIZE\n", "line 1: LUT_3D_SIZE must be a whole number from 2 to 129"),
        ("LUT_3D_SIZE 1\n", "line 1: LUT_3D_SIZE must be"),
        ("LUT_3D_SIZE 999999999999\n", "line 1: LUT_3D_SIZE must be"),
        (f"LUT_3D_SIZE {MOST_POINTS + 1}\n", "line 1: LUT_3D_SIZE must be"),
        (HEAD + HEAD, "line 2: LUT_3D_SIZE stands there twice"),
        ("LUT_1D_SIZE 16\n", "line 1: it is a 1-D LUT; save the look as a 3-D LUT"),
        ("0 0 0\n" + HEAD, "line 1: colors come before LUT_3D_SIZE"),
        (HEAD + ROWS[:-12], "ends after 6 of 8 colors"),
        (HEAD + ROWS + "1 1 1\n", "line 10: there are more than the 8 colors"),
        (HEAD + "0 0\n", "line 2: there must be three numbers"),
        (HEAD + "0 0 0,5\n", "line 2: there must be three numbers"),
        (HEAD + "# a\n0 nan 0\n", "line 3: a number is not finite"),
        (HEAD + "nan 0 0\n", "line 2: a number is not finite"),
        (HEAD + "0 0 1e300\n", "line 2: a number is not finite, or too large"),
        ("DOMAIN_MIN 0 0 1\n" + HEAD, "line 1: DOMAIN_MAX must be above DOMAIN_MIN"),
        (HEAD + "DOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 0 1\n", "line 3: DOMAIN_MAX must be above"),
        (HEAD + "LUT_3D_INPUT_RANGE 1 0\n", "line 2: DOMAIN_MAX must be above"),
    ],
)
def test_what_is_broken_is_told_by_line(tmp_path, text, said):
    (tmp_path / "a.cube").write_text(text)
    with pytest.raises(ImageError, match=r"a\.cube.*") as error:
        read_cube(tmp_path / "a.cube")
    assert said in str(error.value)


def test_a_file_of_one_endless_line_ends(tmp_path):
    (tmp_path / "a.cube").write_bytes(b"7" * 100_000)
    with pytest.raises(ImageError, match="line 1"):
        read_cube(tmp_path / "a.cube")


def test_what_is_not_there(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        read_cube(tmp_path / "a.cube")
    with pytest.raises(ImageError, match="there is no folder"):
        write_cube(tmp_path / "none" / "a.cube", Lut(torch.zeros(2, 2, 2, 3)))
