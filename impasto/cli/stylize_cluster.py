"""`impasto stylize --cluster`, and photos or pictures in stores: a run of `stylize_run`, done by a crew."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from impasto.cli.stylize import StylizeJob
from impasto.errors import ImageError
from impasto.styles.mixture import load_styles
from impasto.stylizing.cluster.completed import Ledger
from impasto.stylizing.cluster.dispatcher import Drive, make_crew
from impasto.stylizing.cluster.filesystems import is_url
from impasto.stylizing.cluster.pools import default_size, processors
from impasto.stylizing.cluster.task import PictureBytes, StylizerConfig, Task
from impasto.stylizing.cluster.work_items import is_picture
from impasto.stylizing.inputs import WorkItem
from impasto.stylizing.pipeline import Event
from impasto.stylizing.runtime import runtime_for
from impasto.stylizing.stylizer import Stylizer

_MANY = 64  # workers that a cluster of unknown size is taken to have, when work is parted


def work(
    job: StylizeJob, errands: Sequence[WorkItem], stylizer: Stylizer, on_event: Callable[[Event], None]
) -> None:
    """Do what is left to do. Raises what `Drive.work` raises."""
    out = job.out if is_url(job.out) and not is_picture(job.out) else None
    drive = Drive(errands, Ledger(out, stylizer.record(), job.options), on_event)
    left = drive.look()
    size = _size(job, left)
    task = Task(_look(job, left // size), job.options, max(1, processors() // size))
    drive.work(make_crew(job.cluster, job.workers or (size if job.cluster == "auto" else None)), task, size)


def _size(job: StylizeJob, photos: int) -> int:
    """Return the number of workers, as far as it is known."""
    if job.cluster is None:
        return 1
    wanted = job.workers or (default_size(job.device) if job.cluster == "auto" else _MANY)
    return max(1, min(wanted, photos))


def _look(job: StylizeJob, photos: int) -> StylizerConfig:
    """Build the configuration of a worker for so many photos, with the files that it names."""
    return StylizerConfig(
        styles=load_styles(list(job.styles)) if job.styles else (),
        strength=job.strength,
        mask=None if job.mask is None else _picture(job.mask),
        regions=tuple((_picture(mask), load_styles(styles)) for mask, styles in job.regions.items()),
        handles=job.handles,
        device=job.device,
        precision=job.precision,
        runtime=runtime_for(job.runtime, photos),
    )


def _picture(path: object) -> PictureBytes:
    try:
        return PictureBytes.read(str(path))
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}") from error
