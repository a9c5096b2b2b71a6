"""`impasto distill`, end to end with a small teacher."""

import os
import shutil
from dataclasses import fields

import pytest
from PIL import Image
from skimage import data

from impasto.backbones.compact import LAYERS, load_compact
from impasto.backbones.distill import DistillOptions
from impasto.cli.distill import FLAGS
from impasto.weights import load_metadata

OUT = "student.safetensors"
TEACHER = "teacher.safetensors"
SMALL = ("--photos", "a", "--photos", "b", "--teacher", TEACHER, "--size", "32", "--batch", "2")


@pytest.fixture
def school(tmp_path, monkeypatch, compressed_file):
    """The current folder, with photos in two folders and a teacher."""
    for name, picture in {"a": data.coffee(), "b": data.astronaut()}.items():
        (tmp_path / name).mkdir()
        Image.fromarray(picture).resize((80, 64)).save(tmp_path / name / "picture.jpg")
    shutil.copy(compressed_file, tmp_path / TEACHER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def distill(impasto, school):
    def run(*arguments):
        return impasto(
            "distill",
            "--photos",
            "a",
            "--photos",
            "b",
            "--teacher",
            "teacher.safetensors",
            *SMALL,
            *arguments,
        )

    return run


def test_distills(distill, school):
    result = distill("-o", OUT, "--steps", 3, "--seed", 7)
    assert result.exit_code == 0, (result.stderr, result.exception)
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"{OUT}: unexplained share")
    assert all(layer in last for layer in LAYERS)
    assert load_compact(school / OUT).maps.keys() == set(LAYERS)
    metadata = load_metadata(school / OUT)
    assert (metadata["seed"], metadata["steps"]) == ("7", "3")
    assert {path.name for path in school.iterdir()} == {"a", "b", TEACHER, OUT}


def test_every_option_has_a_flag_with_its_default(impasto):
    assert FLAGS.keys() == {field.name for field in fields(DistillOptions)}
    text = impasto("distill", "--help").stdout
    for field in fields(DistillOptions):
        (line,) = (line for line in text.splitlines() if f"--{field.name.replace('_', '-')} " in line)
        shown = FLAGS[field.name].unset if field.default is None else field.default
        assert f"({shown})" in line


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
def test_ctrl_c_saves_a_checkpoint_to_go_on_from(distill, interrupt, school):
    long = ("-o", OUT, "--steps", "80")
    rest = interrupt("distill", *SMALL, *long, at="learning")
    assert "continue with the same command" in rest
    assert "Traceback" not in rest
    assert (school / "student.checkpoint").exists()
    assert not (school / OUT).exists()

    other = distill("-o", OUT, "--steps", "81")
    assert other.exit_code == 1
    assert "student.checkpoint was made with other options" in other.stderr.splitlines()[-1]
    again = distill(*long)
    assert again.exit_code == 0
    assert "continuing from the checkpoint, after step " in again.stderr
    assert not (school / "student.checkpoint").exists()
    assert load_metadata(school / OUT)["steps"] == "80"


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (["-o", "student.pth"], 2, "student.pth must end in .safetensors"),
        (["-o", "none/student.safetensors"], 1, "there is no folder"),
        (["-o", OUT, "--steps", "few"], 2, "--steps must be a whole number, not few"),
        (["-o", OUT, "--photos", "none"], 2, "there are no pictures in none"),
        (["-o", OUT, "--teacher", "none.pth"], 1, "there is no weights file none.pth"),
    ],
)
def test_bad_input_gets_one_line(distill, school, arguments, code, fragment):
    before = {path.name for path in school.iterdir()}
    result = distill(*arguments)
    (line,) = result.stderr.splitlines()
    assert (result.exit_code, line.startswith("error: ")) == (code, True)
    assert fragment in line
    assert {path.name for path in school.iterdir()} == before


def test_a_teacher_that_lacks_layers(impasto, school, vgg_file):
    result = impasto("distill", "--photos", "a", "--teacher", vgg_file, "-o", OUT)
    assert (result.exit_code, result.stderr) == (2, "error: no teacher has relu4_1, relu5_1\n")
