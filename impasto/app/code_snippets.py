"""Write the command line and the Python code that repeat a result of the page."""

from __future__ import annotations

import shlex
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from impasto.app.inference import file_name
from impasto.app.look import StyleRequest, picture_of
from impasto.app.sessions import Result
from impasto.app.trainings import TrainRequest
from impasto.app.videos import Film
from impasto.painting.options import PaintOptions
from impasto.stylizing.options import VideoOptions
from impasto.training.options import TrainOptions

_MANY = 5  # from this number of photos on, a command line names a folder


def command(result: Result) -> str:
    """Return the shell command for a picture, to be run in the folder of the photo and the styles."""
    look, out = result.look, file_name(result.photo, result.look)
    weigh = len(look.files) > 1
    short = _short if result.kind == "stylized" else _painted_from
    named = [
        f"{short(style)}:{share:g}" if weigh else short(style) for style, share in look.styles if share > 0
    ]
    if result.kind == "stylized":
        words = ["impasto", "stylize", result.photo.name, "-o", out, "--style", *named]
        words += _flags(_stylizing(look))
    else:
        words = ["impasto", "paint", result.photo.name, *named, "-o", out, *_flags(_painting(look))]
    return shlex.join(words)


def python(result: Result) -> str:
    """Return the Python code for a picture."""
    photo, out = repr(result.photo.name), repr(file_name(result.photo, result.look))
    if result.kind == "stylized":
        call = _call("impasto.load", [_value(look_styles(result.look))], _stylizing(result.look))
        return f"import impasto\n\nstyle = {call}\nstyle({photo}).save({out})\n"
    shipped = [style for style, share in result.look.styles if isinstance(style, str) and share]
    imports = "import impasto\nfrom impasto import styles\n" if shipped else "import impasto\n"
    pairs = [
        (f"styles.find({style!r})" if isinstance(style, str) else repr(_painted_from(style)), share)
        for style, share in result.look.styles
        if share
    ]
    argument = pairs[0][0] if len(pairs) == 1 else _listed(pairs)
    call = _call("impasto.paint", [photo, argument], _painting(result.look))
    return f"{imports}\npicture = {call}\npicture.save({out})\n"


def batch_command(look: StyleRequest) -> str:
    """Return the shell command for a batch, to be run beside the folder of the photos and the style."""
    named = [_short(style) for style, _ in look.files]
    words = ["impasto", "stylize", "photos", "-o", "painted", "--style", *named]
    return shlex.join([*words, *_flags(_stylizing(look))])


def film_command(film: Film) -> str:
    """Return the shell command for a video, to be run in the folder of the clip and the style."""
    words = ["impasto", "video", film.source.name, film.path.name, "--style", _short(film.look.files[0][0])]
    return shlex.join([*words, *_flags(_filming(film))])


def film_python(film: Film) -> str:
    """Return the Python code for a video."""
    names = [film.source.name, film.path.name, _short(film.look.files[0][0])]
    return f"import impasto\n\n{_call('impasto.stylize_video', list(map(repr, names)), _filming(film))}\n"


def train_command(request: TrainRequest, name: str) -> str:
    """Return the shell command for a training, to be run in the folder of the style and the photos."""
    words = ["impasto", "train", request.style.name, "-o", f"{name}.safetensors"]
    words += [word for name in _learned_from(request) for word in ("--photos", name)]
    return shlex.join([*words, *_flags(_learning(request))])


def train_python(request: TrainRequest, name: str) -> str:
    """Return the Python code for a training."""
    photos = _learned_from(request)
    named = [request.style.name, f"{name}.safetensors", *([photos] if photos else [])]
    return f"import impasto\n\n{_call('impasto.train_style', list(map(repr, named)), _learning(request))}\n"


def look_styles(look: StyleRequest) -> Any:
    """Return the styles as `impasto.load` takes them: a name, or pairs of a name and a share."""
    pairs = [(_short(style), share) for style, share in look.files]
    return pairs[0][0] if len(pairs) == 1 else pairs


def _stylizing(look: StyleRequest) -> dict[str, Any]:
    return {**({} if look.strength == 1 else {"strength": look.strength}), **look.handles.record()}


def _learned_from(request: TrainRequest) -> list[str]:
    """Return the names of the photos, or of a folder if there are many."""
    return [path.name for path in request.photos] if len(request.photos) < _MANY else ["photos"]


def _learning(request: TrainRequest) -> dict[str, Any]:
    """Return the minutes or the steps, and the options that differ from the defaults."""
    options, usual = asdict(request.training()), asdict(TrainOptions())
    length = "minutes" if request.training().steps is None else "steps"
    others = [each.name for each in fields(TrainOptions) if each.name not in ("minutes", "steps")]
    return {
        length: options[length],
        **{name: options[name] for name in others if options[name] != usual[name]},
    }


def _filming(film: Film) -> dict[str, Any]:
    usual = asdict(VideoOptions())
    asked = {name: value for name, value in asdict(film.options).items() if value != usual[name]}
    return {**_stylizing(film.look), **asked}


def _painting(look: StyleRequest) -> dict[str, Any]:
    """Return the options that differ from the defaults."""
    options, usual = asdict(look.painting()), asdict(PaintOptions())
    named = [field.name for field in fields(PaintOptions)]
    return {name: options[name] for name in named if options[name] != usual[name]}


def _flags(options: dict[str, Any]) -> list[str]:
    words = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", _text(value)]
    return words


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(f"{each[0]}={each[1]:g}" if isinstance(each, tuple) else str(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _call(function: str, arguments: list[str], options: dict[str, Any]) -> str:
    return f"{function}({', '.join([*arguments, *(f'{name}={_value(v)}' for name, v in options.items())])})"


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _listed(pairs: list[tuple[str, float]]) -> str:
    return f"[{', '.join(f'({name}, {share:g})' for name, share in pairs)}]"


def _painted_from(style: str | Path) -> str:
    """Return a shipped name or a picture's file name; for a card, that of the picture it was trained on."""
    return _short(style if isinstance(style, str) else picture_of(style) or style)


def _short(style: str | Path) -> str:
    return Path(style).name
