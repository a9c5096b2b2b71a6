"""Segments joined to videos: frames, times, sound and titles."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from impasto.errors import UsageError, VideoError
from impasto.imaging.video import SegmentWriter, choose_encoding, join, open_clip
from tests.imaging.films import packets_of, remake, write_film

TITLES = {"title": "L'été", "creation_time": "2020-01-02T03:04:05.000000Z"}


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
