"""Segments, opened again."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from impasto.errors import UsageError, VideoError
from impasto.imaging.video import ClipInfo, Color, Frame, SegmentWriter, choose_encoding, join, open_clip
from impasto.imaging.video import segments as module
from tests.imaging.films import SIZE, index_of, packets_of, picture, remake, write_film

INFO = ClipInfo("clip", SIZE, Fraction(30000, 1001), Fraction(1, 30000))
STEP = 1 / INFO.rate
TITLES = {"title": "L'été", "creation_time": "2020-01-02T03:04:05.000000Z"}


def frames(times=None, size=SIZE):
    times = times or [index * STEP for index in range(7)]
    for index, time in enumerate(times):
        yield Frame(index, time, STEP, picture(index, size))


def write(path, info=INFO, target="a.mkv", shown=None, **options):
    encoding = choose_encoding(path.with_name(target), info, **options)
    with SegmentWriter(path, info, encoding) as writer:
        for frame in shown or frames(size=info.size):
            writer.write(frame)
    return path


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1", "prores"])
def test_frames_come_back_at_their_times(tmp_path, capfd, codec):
    times = [100 + Fraction(stamp, 30000) for stamp in (17, 1018, 5000, 5001, 90000)]
    path = write(tmp_path / "segment", codec=codec, shown=frames(times))
    assert capfd.readouterr() == ("", "")
    with av.open(path) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert [packet.pts * packet.time_base for packet in packets] == times
        assert all(packet.pts == packet.dts for packet in packets)
        assert packets[0].is_keyframe
        assert (stream.start_time + stream.duration) * stream.time_base == times[-1] + STEP
        tags = stream.codec_context
        assert (tags.colorspace, tags.color_range) == (1, 1)
    for shown in open_clip(path).frames():
        assert index_of(shown.pixels) == shown.index
        assert np.abs(shown.pixels.astype(int) - picture(shown.index)).mean() < 9
    assert [item.name for item in tmp_path.iterdir()] == ["segment"]


@pytest.mark.parametrize("color", [None, Color(1, 1, 1), Color(6, 6, 6), Color(9, 14, 9)])
def test_the_matrix_is_used_and_written(tmp_path, color):
    info = replace(INFO, color=color)
    path = write(tmp_path / "segment", info, crf=1)
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    matrix = color.matrix if color else 1
    assert (frame.colorspace, frame.color_range) == (matrix, 1)
    red, blue = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}[matrix]
    weights = np.array([red, 1 - red - blue, blue])
    expected = 16 + 219 / 255 * (picture(0) @ weights)
    luma = frame.to_ndarray()[: SIZE[0], : SIZE[1]]
    assert np.abs(luma - expected).mean() < 0.7


def test_odd_sides_and_the_shape_of_pixels(tmp_path):
    info = replace(INFO, size=(63, 95), sample_aspect=Fraction(4, 3))
    clip = open_clip(write(tmp_path / "segment", info, crf=4))
    assert (clip.info.size, clip.info.sample_aspect) == ((63, 95), Fraction(4, 3))
    assert np.abs(next(clip.frames()).pixels.astype(int) - picture(0, (63, 95))).mean() < 3


def test_odd_sides_are_cut(tmp_path):
    path = write(tmp_path / "segment", replace(INFO, size=(63, 95)), "a.mp4", crf=4)
    clip = open_clip(path)
    assert np.abs(next(clip.frames()).pixels.astype(int) - picture(0, (62, 94))).mean() < 4
    with av.open(path) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


@pytest.mark.parametrize("base", [Fraction(1, 1000), Fraction(1001, 30000), Fraction(1, 10_000_000)])
def test_other_units_of_time(tmp_path, base):
    info = replace(INFO, time_base=base)
    path = write(tmp_path / "segment", info)
    times = [time for time, _ in packets_of(path, "video")]
    finest = max(base, Fraction(1, 1_000_000))
    assert times == [round(index * STEP / finest) * finest for index in range(7)]


def test_an_error_writes_nothing(tmp_path):
    encoding = choose_encoding(tmp_path / "a.mp4", INFO)
    with pytest.raises(RuntimeError, match="stop"), SegmentWriter(tmp_path / "s", INFO, encoding) as writer:
        writer.write(next(frames()))
        raise RuntimeError("stop")
    with SegmentWriter(tmp_path / "s", INFO, encoding):
        pass  # no frames
    with (
        pytest.raises(UsageError, match=r"a frame is \(64, 96, 3\), not \(32, 40, 3\)"),
        SegmentWriter(tmp_path / "s", INFO, encoding) as writer,
    ):
        writer.write(next(frames(size=(32, 40))))
    assert list(tmp_path.iterdir()) == []


def test_what_the_encoder_refuses_is_said(tmp_path, monkeypatch):
    encoding = choose_encoding(tmp_path / "a.mp4", INFO)
    with pytest.raises(VideoError, match="s could not be written"):
        SegmentWriter(tmp_path / "s", INFO, replace(encoding, pixel_format="rgb24"))
    monkeypatch.setattr(module.SegmentWriter, "_open", lambda self: _full(self))
    with pytest.raises(VideoError, match=r"s could not be written \(no space left"):
        SegmentWriter(tmp_path / "s", INFO, encoding)
    assert list(tmp_path.iterdir()) == []


def _full(writer):
    raise av.error.OSError(28, "No space left on device")


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """20 frames with sound in two languages, as cameras make them."""
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", audio=["aac", "aac"], titles=TITLES)


def frames_of(path, *span):
    frames = list(open_clip(path).frames(*span))
    return [(frame.time - frames[0].time, frame.duration, frame.pixels) for frame in frames]


def assert_same_frames(new, old):
    assert [frame[:2] for frame in new] == [frame[:2] for frame in old]
    for (_, _, pixels), (_, _, expected) in zip(new, old, strict=True):
        assert np.abs(pixels.astype(int) - expected).mean() < 8


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_all_comes_along(film, tmp_path, suffix):
    target = tmp_path / f"new{suffix}"
    segments, notes = remake(film, target)
    assert notes == ()
    assert_same_frames(frames_of(target), frames_of(film))
    for track in (0, 1):
        assert packets_of(target, "audio", track) == packets_of(film, "audio", track)
    joined = [content for segment in segments for _, content in packets_of(segment, "video")]
    assert [content for _, content in packets_of(target, "video")] == joined
    with av.open(target) as container:
        assert {key: container.metadata[key] for key in TITLES} == TITLES
        assert [stream.language for stream in container.streams.audio] == ["fra", "fra"]
        assert container.streams.video[0].start_time == 0
        assert float(container.duration / av.time_base) == pytest.approx(0.8, abs=0.002)
    content = target.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mkv", "h264"), ("a.mp4", "hevc"), ("a.webm", "vp9"), ("a.webm", "av1"), ("a.mov", "prores")],
)
def test_other_files(film, tmp_path, capfd, name, codec):
    target = tmp_path / name
    _, notes = remake(film, target, codec=codec)
    assert capfd.readouterr() == ("", "")
    assert_same_frames(frames_of(target), frames_of(film))
    with av.open(target) as container:
        video, sound = container.streams.video[0].codec_context, container.streams.audio
        assert (video.colorspace, video.color_range, video.color_primaries, video.color_trc) == (1, 1, 1, 1)
        assert [track.codec_context.name for track in sound] == ["opus" if name == "a.webm" else "aac"] * 2
        assert [track.language for track in sound] == ["fra", "fra"]
        assert container.metadata["title"] == TITLES["title"]
        tag = video.codec_tag
    assert tag == "hvc1" or codec != "hevc"
    assert len(notes) == (2 if name == "a.webm" else 0)


def tone(path, seconds):
    """The first channel as a signal at 8 kHz, where its time stamps say that it is."""
    signal = np.zeros(round(8000 * seconds))
    with av.open(path) as container:
        resampler = av.AudioResampler("fltp", "stereo", 8000)
        first = next(container.decode(video=0))
        # AVI has no times to show frames at
        origin = float(first.dts * first.time_base) if container.format.name == "avi" else first.time
        container.seek(0)
        for frame in container.decode(audio=0):
            start = round(8000 * (frame.time - origin))
            samples = np.concatenate([part.to_ndarray()[0] for part in resampler.resample(frame)] or [[]])
            at = max(0, start)
            samples = samples[at - start :][: max(0, len(signal) - at)]
            signal[at : at + len(samples)] = samples
    return signal


def lag(signal, reference):
    """Seconds by which a signal comes after another."""
    size = 2 * len(signal)
    match = np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(reference, size).conj())
    best = int(match.argmax())
    return (best if best < len(signal) else best - size) / 8000


@pytest.mark.parametrize("name", ["a.mp4", "a.m4v", "a.mkv", "a.webm", "a.avi", "a.ts"])
@pytest.mark.parametrize(("audio_start", "start"), [(0, 0), (0.2, 0), (0, 0.24)])
def test_the_sound_stays_in_sync(tmp_path, name, audio_start, start):
    source = write_film(tmp_path / "late.mp4", audio=["aac"], audio_start=audio_start)
    target = tmp_path / name
    remake(source, target, start=start, cuts=(0.5,))
    reference = tone(source, 0.8)[round(8000 * start) :]
    new = tone(target, 0.8 - start)
    assert abs(lag(new, reference)) < (0.007 if name == "a.avi" else 0.003)  # AC-3 begins 256 samples late
    assert np.abs(new).mean() > 0.6 * np.abs(reference).mean()


def test_a_cut(film, tmp_path):
    target = tmp_path / "cut.mp4"
    remake(film, target, cuts=(0.44,), start=0.2, end=0.6)
    assert_same_frames(frames_of(target), frames_of(film, 0.2, 0.6))
    old = {content: time for time, content in packets_of(film)}
    new = packets_of(target)
    assert len(new) == pytest.approx(0.4 * 44100 / 1024, abs=1)
    for time, content in new:
        assert abs(old[content] - Fraction(1, 5) - time) < 1e-4


def test_a_varying_rate_and_sound_that_must_be_encoded(tmp_path):
    stamps = [0, 1, 5, 6, 20, 30, 70]
    source = write_film(
        tmp_path / "a.mov", 7, stamps=stamps, time_base=Fraction(1, 100), audio=["pcm_s16le"], b_frames=0
    )
    target = tmp_path / "b.mp4"
    _, notes = remake(source, target, cuts=(0.06, 0.3))
    assert "pcm_s16le" in notes[0]
    assert [time for time, _, _ in frames_of(target)] == [Fraction(stamp, 100) for stamp in stamps]
    assert len(packets_of(target)) > 0


@pytest.mark.parametrize("suffix", [".m4v", ".avi", ".ts"])
def test_more_containers(film, tmp_path, capfd, suffix):
    target = tmp_path / f"new{suffix}"
    _, notes = remake(film, target)
    assert capfd.readouterr() == ("", "")
    encoded = f"{target}: the sound was aac, which .avi does not hold: it is encoded again"
    lost = f"{target}: facts that it does not hold are left out"
    assert notes == {
        ".m4v": (),
        ".avi": (encoded, encoded, f"{lost} (creation_time)"),
        ".ts": (f"{lost} (creation_time, title)",),
    }.get(suffix)
    assert_same_frames(frames_of(target), frames_of(film))
    with av.open(target) as container:
        assert container.format.name == {".m4v": "mov,mp4,m4a,3gp,3g2,mj2", ".ts": "mpegts"}.get(
            suffix, "avi"
        )
        names = [stream.codec_context.name for stream in container.streams.audio]
        assert names == ["ac3" if suffix == ".avi" else "aac"] * 2
        assert len(list(container.decode(video=0))) == 20


def test_hevc_in_a_transport_stream(film, tmp_path):
    remake(film, tmp_path / "a.ts", codec="hevc")
    assert_same_frames(frames_of(tmp_path / "a.ts"), frames_of(film))


def test_avi_has_one_rate(tmp_path):
    stamps = [0, 4, 8, 14, 16, 20, 24]
    source = write_film(tmp_path / "a.mp4", 7, stamps=stamps, time_base=Fraction(1, 100), b_frames=0)
    _, notes = remake(source, tmp_path / "b.avi", cuts=(0.08,))
    assert notes[0].startswith(f"{tmp_path / 'b.avi'}: .avi knows only a steady rate")
    assert len(frames_of(tmp_path / "b.avi")) == 7


def test_pcm_is_copied_to_avi(tmp_path):
    source = write_film(tmp_path / "a.mkv", audio=["pcm_s16le"])
    _, notes = remake(source, tmp_path / "b.avi")
    assert notes == ()
    with av.open(tmp_path / "b.avi") as container:
        assert container.streams.audio[0].codec_context.name == "pcm_s16le"
    assert abs(lag(tone(tmp_path / "b.avi", 0.8), tone(source, 0.8))) < 0.003


def test_a_transport_stream_and_a_silent_one(tmp_path):
    source = write_film(tmp_path / "a.ts", audio=["aac"])
    remake(source, tmp_path / "b.mp4")
    assert_same_frames(frames_of(tmp_path / "b.mp4"), frames_of(source))
    assert abs(lag(tone(tmp_path / "b.mp4", 0.8), tone(source, 0.8))) < 0.003
    silent = write_film(tmp_path / "c.mkv", aspect=Fraction(4, 3))
    remake(silent, tmp_path / "d.mp4")
    info = open_clip(tmp_path / "d.mp4").info
    assert (info.has_audio, info.sample_aspect) == (False, Fraction(4, 3))


def test_without_a_source(film, tmp_path):
    segments, _ = remake(film, tmp_path / "a.mp4")
    clip = open_clip(film)
    assert join(segments, None, tmp_path / "b.mkv", clip.info) == ()
    assert_same_frames(frames_of(tmp_path / "b.mkv"), frames_of(film))
    assert not open_clip(tmp_path / "b.mkv").info.has_audio


def test_sound_that_breaks_off_is_told(film, tmp_path):
    clip = open_clip(film)
    segments, _ = remake(film, tmp_path / "a.mp4")
    source = write_film(tmp_path / "long.mkv", 60, audio=["aac"])
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 3])
    join(segments, source, tmp_path / "b.mp4", clip.info)
    assert len(frames_of(tmp_path / "b.mp4")) == 20


def only_sound(source, path):
    with av.open(source) as film, av.open(path, "w") as output:
        heard = film.streams.audio[0]
        track = output.add_stream_from_template(heard)
        for packet in film.demux(heard):
            if packet.dts is not None:
                packet.stream = track
                output.mux(packet)
    return path


def with_sound(source, sound, path):
    with av.open(source) as film, av.open(sound) as heard, av.open(path, "w") as output:
        inputs = (film.streams.video[0], heard.streams.audio[0])
        tracks = [output.add_stream_from_template(stream) for stream in inputs]
        for container, stream, track in zip((film, heard), inputs, tracks, strict=True):
            for packet in container.demux(stream):
                if packet.dts is not None:
                    packet.stream = track
                    output.mux(packet)
    return path


def test_sound_that_changes_its_rate_is_encoded_to_the_end(film, tmp_path):
    """As where two recordings were put one after the other: MP3 says its rate in every frame."""
    parts = []
    for rate in (44_100, 48_000):
        with av.open(tmp_path / f"{rate}.mp3", "w") as output:
            track = output.add_stream("libmp3lame", rate=rate, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, rate), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, 0
            resampler = av.AudioResampler(track.codec_context.format, "mono", rate, 1152)
            for ready in [*resampler.resample(frame), *resampler.resample(None), None]:
                output.mux(track.encode(ready))
        parts.append((tmp_path / f"{rate}.mp3").read_bytes())
    (tmp_path / "both.mp3").write_bytes(b"".join(parts))
    source = with_sound(film, tmp_path / "both.mp3", tmp_path / "both.mkv")
    remake(source, tmp_path / "a.webm")
    assert packets_of(tmp_path / "a.webm")[-1][0] > 1.5


def test_what_cannot_be_joined(film, tmp_path):
    clip = open_clip(film)
    target = tmp_path / "a.mp4"
    segments, _ = remake(film, target)
    before = target.read_bytes()
    with pytest.raises(UsageError, match="has no frames"):
        join([], film, target, clip.info)
    with pytest.raises(UsageError, match="end it with one of"):
        join(segments, film, tmp_path / "a.wmv", clip.info)
    with pytest.raises(UsageError, match="cannot hold h264"):
        join(segments, film, tmp_path / "a.webm", clip.info)
    with pytest.raises(VideoError, match="begins before the segment before it ends"):
        join(segments[::-1], film, target, clip.info)
    with pytest.raises(VideoError, match="is not a video"):
        join([segments[0], tmp_path / "missing"], film, target, clip.info)
    with pytest.raises(VideoError, match=r"heard\.mp4 has no frames: delete it and make it again"):
        join([only_sound(film, tmp_path / "heard.mp4")], film, target, clip.info)
    other = tmp_path / "other"
    with SegmentWriter(other, clip.info, replace(choose_encoding(target, clip.info, "hevc"))) as writer:
        for frame in clip.frames(0.4):
            writer.write(frame)
    with pytest.raises(VideoError, match="other was encoded in another way"):
        join([segments[0], other], film, target, clip.info)
    assert target.read_bytes() == before
    assert not [item for item in tmp_path.iterdir() if item.name.startswith(".")]
