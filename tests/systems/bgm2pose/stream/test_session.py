"""A stream says what the prediction of the file says, or that it was late."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import os
import signal

import numpy as np
import pytest
import stream_case
import trained_fixture
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose import trained
from bgm2pose_jax.systems.bgm2pose.predict import predictor
from bgm2pose_jax.systems.bgm2pose.predict.predictor import Options
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import SoundPair
from bgm2pose_jax.systems.bgm2pose.predict.standardising import Standardiser
from bgm2pose_jax.systems.bgm2pose.still_room import (
  block_features,
  response_file,
)
from bgm2pose_jax.systems.bgm2pose.stream import __main__ as stream_main
from bgm2pose_jax.systems.bgm2pose.stream import command_flags, flow, settings
from bgm2pose_jax.systems.bgm2pose.stream.live_alignment import Found, Search
from bgm2pose_jax.systems.bgm2pose.stream.live_music import Line

pytestmark = pytest.mark.usefixtures("quick_compiling")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  @functools.cache
  def load(features, norm="per_band"):
    folder = tmp_path_factory.mktemp("runs") / features
    run = trained_fixture.make_run(folder, features=features, feature_norm=norm)
    return trained.load(str(run))

  return load


def _both(model, options, recording, music, line):
  """Poses of the stream and of the file."""
  chosen = settings.check(model, options, realign=False)
  source = stream_case.Source(recording)
  run = stream_case.Run(model, music, source, chosen, line)
  pair = SoundPair(recording, music, *line)
  made = predictor.predict([model], pair, chosen.options)
  assert [f.number for f in run.frames] == list(range(len(made.track)))
  assert run.begun[0][1] == pair.first_sample
  return run.pose, made.track.pose


@pytest.mark.parametrize(
  ("hop_ms", "blend", "seconds", "line"),
  [
    (200, 1, 5.0, Line(0, 0)),
    # Windows that do not divide one, a rest, clocks that differ.
    (250, 2, 4.87, Line(4000.5, 40.0)),
    # The music ends first, all windows count.
    (300, 0, 5.0, Line(-20000, 0)),
  ],
)
def test_log_mel_poses_are_those_of_the_file(
  runs, hop_ms, blend, seconds, line
):
  model = runs("logmel_intensity", "per_recording")
  recording, music = stream_case.sound(5.0)
  recording = recording[:, : round(seconds * stream_case.RATE_HZ)]
  options = Options(hop_ms=hop_ms, blend=blend, statistics="running")
  got, want = _both(model, options, recording, music, line)
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
  ("hop_ms", "blend", "seconds"), [(250, 2, 4.87), (600, 1, 1.2), (200, 0, 0.6)]
)
def test_a_network_that_sees_more_waits_for_it(
  tmp_path, hop_ms, blend, seconds
):
  folder = trained_fixture.make_run(
    tmp_path / "run",
    model="wipose",
    feature_norm="per_recording",
    changes={"data.context_frames": 6},
  )
  model = trained.load(str(folder))
  recording, music = stream_case.sound(5.0)
  recording = recording[:, : round(seconds * stream_case.RATE_HZ)]
  options = Options(hop_ms=hop_ms, blend=blend, statistics="running")
  got, want = _both(model, options, recording, music, Line(0, 0))
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
  if hop_ms < 600:
    return
  # Windows side by side, each with six frames of its neighbour; the ends'
  # are copies.
  pair = SoundPair(recording, music, 0, 0)
  stream = block_features.stream(
    pair.blocks, model.spec.name, settings.check(model, options).form
  )
  frames = np.concatenate(list(stream))[: pair.frames]
  known = [Standardiser(model, "running", None) for _ in range(2)]
  known[0].heard(frames[:18])
  known[1].heard(frames)
  frames = np.pad(frames, ((6, 6), (0, 0), (0, 0)), mode="edge")
  for number, standard in enumerate(known):
    rows = {k: v[None] for k, v in standard.row().items()}
    start = 12 * number
    pose = model.predict(frames[None, start : start + 24], rows)[0]
    np.testing.assert_allclose(
      want[start : start + 12], pose, rtol=1e-5, atol=1e-5
    )


@pytest.fixture
def one_by_one(monkeypatch):
  """One network program instead of two, which take long to compile."""
  monkeypatch.setattr(predictor, "BATCH", 1)


@pytest.mark.slow
@pytest.mark.usefixtures("one_by_one")
def test_kernel_poses_are_those_of_the_file(runs):
  """Over two updates of the room, a drift and an unfinished window."""
  model = runs("music_kernel")
  recording, music = stream_case.sound(5.3)
  options = Options(blend=1, static_response="causal")
  got, want = _both(model, options, recording, music, Line(-100.25, 30.0))
  # Random weights make much of the last bit of a feature.
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=3e-5)
  # The room was learnt: later poses would differ without it.
  assert len(got) > 96


@pytest.mark.slow
@pytest.mark.usefixtures("one_by_one")
def test_kernel_poses_with_a_response_file_are_those_of_the_file(
  runs, tmp_path
):
  model = runs("music_kernel")
  recording, music = stream_case.sound(5.3)
  path = tmp_path / "room.npz"
  rng = np.random.default_rng(0)
  response_file.write(path, 0.01 * rng.normal(size=(4, 2, 4000)))
  options = Options(blend=1, static_response=str(path))
  got, want = _both(model, options, recording, music, Line(0, 0))
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=3e-5)


@pytest.mark.parametrize("form", ["whole", "first:10", "around:10"])
def test_a_room_learnt_from_later_sound_is_refused(runs, form):
  with pytest.raises(InputError, match="take causal"):
    settings.check(runs("music_kernel"), Options(static_response=form, blend=1))


def test_statistics_of_the_whole_recording_are_refused(runs):
  model = runs("logmel_intensity", "per_recording")
  with pytest.raises(InputError, match="take running or training"):
    settings.check(model, Options(statistics="whole", blend=1))


def test_late_windows_are_left_out_until_it_has_caught_up(runs, monkeypatch):
  model = runs("logmel_intensity", "per_recording")
  slow = stream_case.SlowModel(
    **{f.name: getattr(model, f.name) for f in dataclasses.fields(model)}
  )
  recording, music = stream_case.sound(5.0)
  source = stream_case.Source(recording)
  # Each piece comes when it was recorded; only the network takes time.
  pieces, end = [], 0
  while source.queue.held_s:
    piece = source.queue.take(0)
    end += piece.samples.shape[1]
    at_s = 1000.0 + end / stream_case.RATE_HZ
    pieces.append(piece._replace(arrived_s=at_s, due_s=at_s))

  class Queue:
    def take(self, timeout_s):
      if not pieces:
        raise EOFError
      stream_case.clock.now = max(stream_case.clock.now, pieces[0].arrived_s)
      return pieces.pop(0)

  source.queue = Queue()
  source.is_patient = False
  monkeypatch.setattr(flow, "time", stream_case.clock)
  chosen = settings.check(slow, Options(blend=1), realign=False, max_lag_s=1.0)
  run = stream_case.Run(slow, music, source, chosen, Line(0, 0))
  figures = run.session.figures
  # Every frame is told of once, in order, with a pose or without.
  assert [f.number for f in run.frames] == list(range(100))
  without = [f.number for f in run.frames if f.pose is None]
  assert without
  assert figures.dropped_frames == len(without)
  assert figures.dropped_windows * 4 >= len(without)
  assert any("windows dropped" in line for line in run.told)
  # Frames that were given up are whole hops.
  edges = np.flatnonzero(np.diff([-9, *without]) > 1)
  assert all(without[i] % 4 == 0 for i in edges)
  # Never later than the limit, a hop and two passes.
  assert max(run.late) <= 1000 + 200 + 1800 + 1e-6
  # The poses that are there are right, for statistics heard all of it.
  pair = SoundPair(recording, music)
  want = predictor.predict([model], pair, chosen.options).track.pose
  last = run.frames[-1]
  if last.pose is not None:
    np.testing.assert_allclose(last.pose, want[-1], rtol=1e-5, atol=1e-5)


def test_poses_begin_after_the_music_is_found(runs, monkeypatch):
  """Statistics hear what was listened to; the poses are those of the file."""
  model = runs("logmel_intensity", "per_recording")
  recording, music = stream_case.sound(18.0)
  line = Line(1200.0, 0.0)
  answers = iter([Found(None, "noise", 0, True), Found(line, "here", 0, False)])
  begun = []

  def start(self, sound, end, near):
    begun.append((sound.shape[1], end, near))
    self._thread = self

  monkeypatch.setattr(Search, "start", start)

  def take(self, *, wait):
    if self._thread is None:
      return None
    self._thread = None
    return next(answers)

  monkeypatch.setattr(Search, "take", take)
  chosen = settings.check(
    model, Options(blend=1, hop_ms=600), realign=False, align_s=15.0
  )
  source = stream_case.Source(recording)
  with pytest.raises(InputError, match="before the music was found"):
    # The second try would come at 25 s.
    stream_case.Run(model, music, source, chosen, None)
  assert len(begun) == 1
  answers = iter([Found(line, "here", 0, False)])
  source = stream_case.Source(recording)
  run = stream_case.Run(model, music, source, chosen, None)
  found = begun[-1][1]
  first = run.frames[0].number
  assert first == -(-(found - 1200) // 2400)
  pair = SoundPair(recording, music, *line)
  want = predictor.predict([model], pair, chosen.options).track.pose
  assert first + len(run.frames) == len(want)
  np.testing.assert_allclose(run.pose, want[first:], rtol=1e-5, atol=1e-5)


def test_lost_samples_are_silence_and_counted(runs):
  model = runs("logmel_intensity", "per_recording")
  recording, music = stream_case.sound(5.0)
  cut = recording.copy()
  cut[:, 60000:130000] = 0
  source = stream_case.Source(recording[:, :60000])
  other = stream_case.Source(recording[:, 130000:])
  parts = [source.queue.take(0) for _ in range(len(source.queue._pieces))]
  rest = [other.queue.take(0) for _ in range(len(other.queue._pieces))]
  rest[0] = rest[0]._replace(lost=70000)
  joined = stream_case.Source(recording[:, :0])
  joined.samples = recording.shape[1]
  taken = itertools.chain(parts, rest)

  class Queue:
    def take(self, timeout_s):
      piece = next(taken, None)
      if piece is None:
        raise EOFError
      return piece

  joined.queue = Queue()
  chosen = settings.check(model, Options(blend=1, hop_ms=600), realign=False)
  run = stream_case.Run(model, music, joined, chosen, Line(0, 0))
  want = predictor.predict(
    [model], SoundPair(cut, music), chosen.options
  ).track.pose
  assert run.session.figures.lost_samples == 70000
  np.testing.assert_allclose(run.pose, want, rtol=0, atol=1e-4)


@pytest.fixture
def command(runs, tmp_path, monkeypatch):
  """Runs the command on five seconds of sound."""
  model = runs("logmel_intensity", "per_recording")
  monkeypatch.setattr(stream_main.trained, "load", lambda folder: model)
  monkeypatch.setattr(
    stream_main.compilation, "keep_programs", lambda folder: False
  )
  return lambda **given: stream_main.run(
    stream_case.flag_values("run", tmp_path, **given)
  )


def test_the_command_writes_a_line_for_every_frame(command, capsys):
  assert command() == 0
  said = capsys.readouterr()
  head, *frames = map(json.loads, said.out.splitlines())
  assert head["unit"] == "hip-spine lengths"
  assert head["rate_hz"] == 20
  assert len(head["joints"]) == 21
  assert head["facts"]["statistics"] == "running"
  # What the network has not met is told before the first pose.
  (warning,) = head["facts"]["warnings"]
  assert "not recorded" in warning
  assert f"warning: {warning}" in said.err
  assert head["facts"]["sound"] == "recorded"
  assert [f["frame"] for f in frames] == list(range(100))
  assert [f["time_s"] for f in frames[:2]] == [0.025, 0.075]
  assert np.shape([f["pose"] for f in frames]) == (100, 21, 3)
  assert all(f["latency_ms"] >= 0 for f in frames)
  assert "100 poses; latency p50" in said.err.splitlines()[-1]


def test_the_command_hears_a_wav_on_a_pipe(command, tmp_path, capsys):
  command()
  want = capsys.readouterr().out.splitlines()
  with open(tmp_path / "input.wav", "rb") as file:

    class Stdin:
      def isatty(self):
        return False

      def fileno(self):
        return file.fileno()

    with pytest.MonkeyPatch.context() as patch:
      patch.setattr("sys.stdin", Stdin())
      command(input="-")
  got = capsys.readouterr().out.splitlines()
  pose = [[json.loads(line)["pose"] for line in x[1:]] for x in (got, want)]
  np.testing.assert_allclose(*pose, atol=1.1e-4)


def test_a_reader_that_goes_away_ends_it_quietly(command, monkeypatch, capfd):
  class Gone:
    written = 0

    def write(self, text):
      Gone.written += 1
      if Gone.written > 3:
        raise BrokenPipeError

    def flush(self):
      pass

    def fileno(self):
      return self.file.fileno()

  with open(os.devnull, "w") as Gone.file:
    monkeypatch.setattr("sys.stdout", Gone())
    assert command() == 0
  assert Gone.written == 4
  assert "poses; latency" in capfd.readouterr().err


def test_a_signal_ends_it_with_what_was_heard(command, monkeypatch, capsys):
  """Ctrl-C in the middle of the sound: the rest is flushed."""
  plain = stream_main.Lines.frames

  def frames(self, frames, late_ms):
    plain(self, frames, late_ms)
    if frames[-1].number > 40:
      signal.raise_signal(number)

  monkeypatch.setattr(stream_main.Lines, "frames", frames)
  for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 0)):
    before = signal.getsignal(number)
    assert command() == status
    said = capsys.readouterr()
    assert 40 < len(said.out.splitlines()) < 90
    assert "poses; latency" in said.err
    assert signal.getsignal(number) is before


def test_silence_and_a_stall_are_no_errors(runs, monkeypatch):
  model = runs("logmel_intensity", "per_recording")
  silent = np.zeros((4, 60000), np.float32)
  source = stream_case.Source(silent)
  pieces = source.queue
  waits = iter([True, True, False] * 2)

  class Queue:
    def take(self, timeout_s):
      if next(waits, False):
        stream_case.clock.now += 1.2
        return None
      return pieces.take(0)

  source.queue = Queue()
  source.samples = None
  monkeypatch.setattr(stream_case.session, "time", stream_case.clock)
  chosen = settings.check(model, Options(blend=1), realign=False)
  music = stream_case.sound(5.0)[1]
  run = stream_case.Run(model, music, source, chosen, Line(0, 0))
  assert len(run.frames) == 25
  assert np.isfinite(run.pose).all()
  stalls = [line for line in run.told if "no sound has come" in line]
  assert len(stalls) == 2
  assert sum("sound again, after 2.4 s" in line for line in run.told) == 2


@pytest.mark.parametrize(
  ("given", "said"),
  [
    ({"checkpoint": ""}, "--checkpoint: is missing"),
    ({"align_s": 5}, "is too short or too long"),
    ({"max_lag_ms": "nan"}, "is no time"),
    ({"hop_ms": 130}, "is no whole number of frames"),
    ({"blend": 9}, "3 windows hold a frame"),
    ({"offset_ms": "inf"}, "is not finite"),
    ({"drift_ppm": 5000}, "at most 1000 ppm"),
    ({"offset_ms": 4800}, "give a longer recording"),
    ({"static_response": "causal"}, "does not fit a model"),
    ({"input": "nothing.wav"}, "--input=nothing.wav: no such file"),
  ],
)
def test_what_cannot_be_is_refused(command, given, said):
  with pytest.raises(InputError, match=said):
    command(**given)


def test_serving_is_a_flag_with_or_without_a_port(tmp_path):
  for given, port in (
    (["--serve"], 8765),
    (["--serve=0"], 0),
    (["--serve=9000"], 9000),
    (["--noserve"], None),
    ([], None),
  ):
    values = flags.FlagValues()
    command_flags.define_flags(values)
    values(["stream", *given])
    assert values.serve == port
  with pytest.raises(flags.IllegalFlagValueError, match="no port"):
    values(["stream", "--serve=70000"])
