"""`impasto paint --tile`: what it takes, what it refuses, and what a dry run says of it."""

import pytest

from impasto.cli.paint import parse_tile
from impasto.errors import UsageError
from impasto.painting.base import options_from


@pytest.mark.parametrize(("text", "tile"), [("auto", "auto"), ("off", "off"), ("512", 512)])
def test_what_it_takes(text, tile):
    assert parse_tile(text) == tile


@pytest.mark.parametrize("text", ["on", "-5", "51.2", ""])
def test_what_it_refuses(text):
    with pytest.raises(UsageError, match="--tile must be auto, off or a number of pixels, not"):
        parse_tile(text)


def test_too_small_a_tile_is_told_in_a_line(paint, workshop):
    result = paint("-o", "out.png", "--tile", 40)
    assert result.exit_code == 2
    assert "tile must be a whole number from 64 to 100000, not 40" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_paints_in_tiles(paint, workshop):
    result = paint("-o", "out.png", "--size", 96, "--tile", 64, "--iterations", 2)
    assert result.exit_code == 0, result.stderr
    assert options_from("out.png").tile == 64


@pytest.mark.parametrize(("flags", "shown"), [((), False), (("--tile", 64), True), (("--tile", 500), False)])
def test_dry_run_tells_of_tiles(paint, workshop, flags, shown):
    result = paint("--dry-run", "--size", 96, *flags)
    assert result.exit_code == 0, result.stderr
    line = next(line for line in result.output.splitlines() if line.startswith("memory"))
    assert line.endswith("in tiles of 64 pixels") == shown
