"""`impasto texture` at work: everything behind the command line that needs torch."""

from __future__ import annotations

from impasto.cli.display import download
from impasto.cli.paint_session import check_output, make, open_frames
from impasto.cli.texture import TextureJob
from impasto.imaging import io
from impasto.painting.texture import TexturePainter
from impasto.painting.texture_options import TextureOptions


def run(job: TextureJob) -> None:
    """Make the texture and save it; raises what `explained` explains."""
    output = job.output
    check_output(output, [path for path, _ in job.styles], "texture.png")
    frames = open_frames(output)
    most = io.MAX_PIXELS if output.max_pixels is None else output.max_pixels
    with download(output.quiet) as on_download:
        easel = TexturePainter(
            list(job.styles), TextureOptions(**job.given), max_pixels=most, on_download=on_download
        )
    make(easel, output, frames)
