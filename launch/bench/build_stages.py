"""The stages of the dataset build, each by itself on one recording."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
from collections.abc import Callable

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.data import manifest
from bgm2pose_jax.systems.bgm2pose import features, prepare
from bgm2pose_jax.systems.bgm2pose.ampl import (
  raw_layout,
  recordings,
  track_examples,
)
from bgm2pose_jax.systems.bgm2pose.ampl.track_music import TrackMusic
from bgm2pose_jax.systems.bgm2pose.recipe import Recipe
from bgm2pose_jax.systems.bgm2pose.simulated import raw_folder
from bgm2pose_jax.systems.bgm2pose.simulated.casting import RawPlan
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S

TRACK = "haze"


def make_recordings(folder: pathlib.Path, minutes: float, count: int) -> int:
  """Simulates one recording and gives it `count` names.

  The others are links: what reading and computing take does not depend on
  whose recording it is.

  Args:
    folder: empty; gets AMPL's raw layout.
    minutes: length of each.
    count: how many people the folder then seems to hold.

  Returns:
    Bytes of sound and poses to read.
  """
  plan = RawPlan(subjects=1, tracks=(TRACK,), minutes=minutes)
  raw_folder.make_raw(folder, plan, progress=False)
  (first,) = raw_layout.scan_raw(folder).recordings
  assert first.poses is not None
  paths = (first.wav, first.annotations, first.poses)
  for number in range(1, count):
    for path in paths:
      name = path.name.replace(
        f"subject_{first.subject}_", f"subject_c{number}_", 1
      )
      os.link(path, path.with_name(name))
  return count * sum(path.stat().st_size for path in paths)


class BuildStages:
  """One recording's way to records, cut where it can be timed.

  What a stage needs from those before it is made beforehand and kept in
  memory. Closes the track's music at the end of the `with` block.
  """

  def __init__(self, folder: pathlib.Path):
    self._folder = folder
    self._how, found = track_examples.find(
      str(folder),
      TRACK,
      released=False,
      recipe=Recipe(),
    )
    self._recording = found[0]
    self._music = self._open_music()
    self._windows = len(self.read_poses())
    self._blocks = list(self._read())
    with self._how.reader() as read:
      self._examples = list(read(self._recording))

  def __enter__(self) -> BuildStages:
    return self

  def __exit__(self, *unused: object) -> None:
    self._music.__exit__()

  @property
  def seconds(self) -> float:
    """Length of the recording."""
    return self._windows * WINDOW_S

  def by_name(self) -> dict[str, Callable[[pathlib.Path], object]]:
    """Returns {stage: function of an empty scratch folder}."""
    return {
      "decode music": lambda _: self._open_music().__exit__(),
      "poses and labels": lambda _: self.read_poses(),
      "read audio": lambda _: [None for _ in self._read()],
      "features": lambda _: self.compute(),
      "encode and write": self.write,
    }

  def read_poses(self) -> recordings.Windows:
    """Reads labels and poses, and normalises the poses."""
    music = self._music
    return recordings.read_windows(self._recording, music.frames, music.path)

  def compute(self) -> None:
    """Computes the features of all blocks."""
    stream = features.extract_stream(
      ((block.audio, block.music) for block in self._blocks),
      block_frames=recordings.BLOCK_WINDOWS * 12,
      sample_rate_hz=SAMPLE_RATE_HZ,
    )
    for _ in stream:
      pass

  def write(self, scratch: pathlib.Path) -> None:
    """Writes ready examples as the build does, with the manifest."""
    source = prepare.open_source("ampl/raw", str(self._folder))
    builder = source.builder(
      TRACK,
      self._folder,
      scratch,
      on_windows=lambda windows: None,
      beam_refusal=None,
      parts=None,
    )
    builder._generate_examples = lambda *_: enumerate(self._examples)
    with contextlib.redirect_stdout(io.StringIO()):
      builder.download_and_prepare(file_format="array_record")
    manifest.write(scratch, {})

  def _open_music(self) -> TrackMusic:
    sound = self._how.root / raw_layout.SOUND
    return TrackMusic(self._how.music, TRACK, sound)

  def _read(self):
    return recordings.sound_blocks(
      self._recording.wav, self._music, self._windows
    )
