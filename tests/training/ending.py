"""Trainings that are ended in the midst of their work."""

from collections.abc import Callable

from impasto.training.checkpoints import TrainStep


class Stop(Exception):
    pass


def stop_at(last: int) -> Callable[[TrainStep], None]:
    def on_step(step: TrainStep) -> None:
        if step.step == last:
            raise Stop

    return on_step
