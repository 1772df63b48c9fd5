"""Recordings that the simulator makes, a track at a time, before windows."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bgm2pose_jax.files import checksums
from bgm2pose_jax.poses import subject_evidence
from bgm2pose_jax.simulate import performers
from bgm2pose_jax.systems.bgm2pose import splits
from bgm2pose_jax.systems.bgm2pose.config import SimulateConfig
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S

# A second of one recording: audio, poses.
_RAW_BYTES_PER_S = 650_000


@dataclasses.dataclass(frozen=True)
class SimulatedRecordings:
  """The simulator as a source, see `sources.Recordings`.

  Attributes:
    simulate: the plan.
    mocap_dir: motion files; None for procedural motion.
    music_dir: music files; None for procedural music.
    joint_map: which names in the motion files are which joints, or None.
    dataset, simulated, raw_bytes: what all recordings say.
  """

  simulate: SimulateConfig
  mocap_dir: str | None = None
  music_dir: str | None = None
  joint_map: str | None = None
  dataset: str = "ampl/simulated"
  simulated: bool = True
  raw_bytes: int = round(WINDOW_S * _RAW_BYTES_PER_S)

  @property
  def ambisonic_format(self) -> str:
    """The gains of the simulated microphone's channels."""
    return self._plan().scene.format

  def holdings(self) -> splits.Holdings:
    """Returns tracks with genres and subjects."""
    from bgm2pose_jax.systems.bgm2pose.simulated import casting

    return casting.holdings(self._plan())

  def identity(self) -> dict[str, Any]:
    """Returns what, if changed, means other recordings."""
    from bgm2pose_jax.systems.bgm2pose.simulated import casting

    mocap, music = self.mocap_dir, self.music_dir
    simulate = dataclasses.asdict(self.simulate)
    # What it says is in the scene below.
    del simulate["scene"]
    people = {}
    if not self.simulate.performers:
      # What was prepared before there was this field keeps its place.
      del simulate["performers"]
    if mocap is not None:
      del simulate["subjects"]  # all captured people take part
      # Names that no folder and no table gives came once from another rule.
      found = casting.cast(self._plan())
      if any(
        clip.subject_from in (subject_evidence.NAME_PATTERN,
                              subject_evidence.NOTHING)
        for own in found.clips.values()
        for clip in own
      ):  # fmt: skip
        people = {"people": list(found.subjects)}
      if found.performances is not None:
        people = {
          "performers_version": performers.VERSION,
          "persons": dict(found.performances.persons),
        }
    return {
      "simulate": simulate,
      "scene": self._plan().noisy_scene().to_dict(),
      "mocap": None
      if mocap is None
      else casting.motion_digest(mocap, self.joint_map),
      "music": None if music is None else checksums.of_folder(music),
      **people,
    }

  def count_windows(self, tracks: Sequence[str]) -> dict[str, int]:
    """Returns {track: windows to build}."""
    each = int(self.simulate.minutes * 60 / WINDOW_S)
    subjects = self.holdings().subjects
    return {track: each * len(subjects[track]) for track in tracks}

  @contextlib.contextmanager
  def folder(self, track: str, scratch: Path, progress: bool) -> Iterator[Path]:
    """Makes a track's recordings in `scratch`, and removes them at the end."""
    from bgm2pose_jax.systems.bgm2pose.simulated import raw_folder

    # It goes on where a killed run was, recording by recording.
    raw_folder.make_raw(scratch, self._plan(track), progress=progress)
    yield scratch
    # The seed makes it again; it is eight times the prepared windows. After a
    # failure it stays, for the next attempt.
    shutil.rmtree(scratch, ignore_errors=True)

  def inventory(self) -> str | None:
    """Returns None: there is no folder to look into."""
    return None

  def _plan(self, *tracks: str) -> Any:
    from bgm2pose_jax.simulate import scene_file
    from bgm2pose_jax.systems.bgm2pose.simulated import casting

    return casting.RawPlan(
      subjects=self.simulate.subjects,
      minutes=self.simulate.minutes,
      seed=self.simulate.seed,
      snr_db=self.simulate.snr_db,
      scene=scene_file.read(self.simulate.scene),
      tracks=tracks,
      mocap_dir=self.mocap_dir,
      music_dir=self.music_dir,
      joint_map=self.joint_map,
      performers=self.simulate.performers,
    )
