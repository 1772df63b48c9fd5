"""Simulated recordings as a folder in AMPL's raw layout.

    data/sound_cut/subject_<s>_<track>_cut.wav      4 channels W X Y Z, PCM_24
    data/sound_cut/<track>_input.WAV                the music, stereo, PCM_24
    data/annotations/subject_<s>_<track>.txt        `start_s end_s label`
    data/poses_synchronized/subject_<s>_<track>_position.csv        120 a second
    data/tracks.json        {track: {genre, title, gain, music_sha256}}
    data/simulated.json     {"simulated": true, plan, scene, versions}; with
                            captured people {people: {subject_from, warnings}},
                            with performers {performances: {sources, shows,
                            persons}}, see `performances.Performances`

Files appear whole or not at all and the wav comes last, so a run that was
stopped goes on where it was. Tracks may be added later; anything else that
differs from the folder's own plan is refused.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import io
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from absl import logging

from bgm2pose_jax import poses
from bgm2pose_jax.base import progress as progress_lib
from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import json_file, own_file, whole_file
from bgm2pose_jax.simulate import (
  motion,
  one_recording,
  performers,
  recorder,
)
from bgm2pose_jax.simulate.scene import Scene
from bgm2pose_jax.systems.bgm2pose.simulated import casting
from bgm2pose_jax.systems.bgm2pose.simulated.casting import RawPlan, holdings

__all__ = ["RawPlan", "RawReport", "holdings", "make_raw"]

# About what write_position_csv needs for one number.
_CELL_BYTES = 9.5
_SAMPLE_BYTES = 3
_FOLDERS = ("sound_cut", "annotations", "poses_synchronized")
# What the simulator makes depends on these.
_PACKAGES = ("bgm2pose-jax", "jax", "numpy", "scipy", "soxr")


@dataclasses.dataclass(frozen=True)
class RawReport:
  """What a call of `make_raw` did.

  Attributes:
    made: names of the recordings made now.
    kept: names of those that were there already.
    recorded_s: seconds of recording made.
    wall_s: seconds that took, music and poses included.
  """

  made: tuple[str, ...]
  kept: tuple[str, ...]
  recorded_s: float
  wall_s: float


def make_raw(
  out_dir: str | os.PathLike[str], plan: RawPlan, *, progress: bool = True
) -> RawReport:
  """Records every subject of a plan with each of its tracks.

  Args:
    out_dir: folder to write; it may hold an earlier part of the same plan.
    plan: what to make. Tracks that the folder holds already are kept.
    progress: whether to show a bar with the time left, on stderr.

  Returns:
    What was made and how long it took.

  Raises:
    InputError: a plan that cannot be carried out (see `casting.cast`), a
      folder made to another plan (names the field) or by someone else, too
      little disk space, a folder that cannot be written to, a recording beyond
      full scale.
  """
  with system_errors.in_one_line(out_dir):
    return _make(Path(out_dir) / "data", plan, progress)


def _make(root: Path, plan: RawPlan, progress: bool) -> RawReport:
  """Records what is missing below `data`."""
  begun = time.monotonic()
  found = casting.cast(plan)
  names = [
    (subject, track) for track in found.tracks for subject in found.subjects
  ]
  stems = {pair: f"subject_{pair[0]}_{pair[1]}" for pair in names}
  _claim(root, plan, found)
  missing = [pair for pair in names if not _is_whole(root, stems[pair])]
  _check_disk(root, plan, len(missing), len(found.tracks))
  own_file.check_no_links(root, _FOLDERS)
  for folder in _FOLDERS:
    (root / folder).mkdir(parents=True, exist_ok=True)
  with progress_lib.bar(
    total=round(len(missing) * plan.minutes, 3),
    unit="min",
    desc=f"simulate {len(missing)} recordings",
    disable=not progress,
  ) as bar:
    for track in found.tracks:
      subjects = [subject for subject, name in missing if name == track]
      if not subjects and _is_listed(root, track):
        continue
      sound, gain = _prepare_track(root, plan, found, track)
      for subject in subjects:
        _record(
          root, plan, found, subject, track, stems[subject, track], sound, gain
        )
        bar.update(plan.minutes)
  wall_s = time.monotonic() - begun
  recorded_s = len(missing) * plan.duration_s
  if missing:
    logging.info(
      "simulated %d recordings, %.1f min, in %.0f s: %.1f times real time",
      len(missing),
      recorded_s / 60,
      wall_s,
      recorded_s / wall_s,
    )
  made = tuple(stems[pair] for pair in missing)
  kept = tuple(stem for stem in stems.values() if stem not in made)
  return RawReport(made, kept, recorded_s, wall_s)


def _identity(plan: RawPlan, found: casting.Cast) -> dict[str, Any]:
  """What two calls into one folder must share; tracks may be added."""
  digest = None
  if plan.mocap_dir is not None:
    digest = casting.motion_digest(plan.mocap_dir, plan.joint_map)
  return {
    "subjects": list(found.subjects),
    "minutes": plan.minutes,
    "seed": plan.seed,
    "yaw": plan.yaw if plan.mocap_dir is not None else None,
    "mocap_sha256": digest,
    "music": "procedural" if plan.music_dir is None else "files",
    **(
      {"performers": plan.performers, "performers_version": performers.VERSION}
      if plan.performers
      else {}
    ),
  }


def _claim(root: Path, plan: RawPlan, found: casting.Cast) -> None:
  """Writes `simulated.json`, or checks that it says the same."""
  path = root / "simulated.json"
  identity = _identity(plan, found)
  scene = json.loads(json.dumps(plan.noisy_scene().to_dict()))
  if not path.is_file():
    if any((root / "sound_cut").glob("*_cut.wav")):
      raise InputError(
        root,
        "holds recordings that the simulator did not make",
        "choose another --out folder",
      )
    versions = {name: _version(name) for name in _PACKAGES}
    # Whoever learns from the folder has not seen the motion files.
    people = found.people
    known = {} if people is None else {"people": dataclasses.asdict(people)}
    if found.performances is not None:
      known["performances"] = found.performances.to_dict()
    root.mkdir(parents=True, exist_ok=True)
    _write_json(
      path,
      {
        "simulated": True,
        "seed": plan.seed,
        "plan": identity,
        "scene": scene,
        "versions": versions,
        **known,
      },
    )
    return
  try:
    there = json_file.read(path, "remove the folder")
    pairs = [
      *(
        (name, there["plan"].get(name), identity.get(name))
        for name in (*identity, "performers")
      ),
      *(
        (f"scene.{name}", there["scene"].get(name), v)
        for name, v in scene.items()
      ),
    ]
  except (KeyError, AttributeError, TypeError) as error:
    raise InputError(
      path, f"cannot be read ({error!r})", "remove the folder"
    ) from None
  for name, old, new in pairs:
    if old != new:
      raise InputError(
        path,
        f"{name} is {old!r}, asked for {new!r}",
        "use the same plan or another --out folder",
      )


def _version(package: str) -> str:
  try:
    return importlib.metadata.version(package)
  except importlib.metadata.PackageNotFoundError:
    return "unknown"


def _check_disk(
  root: Path, plan: RawPlan, recordings: int, tracks: int
) -> None:
  rate_hz = plan.scene.sample_rate_hz
  second = 4 * _SAMPLE_BYTES * rate_hz + 63 * _CELL_BYTES * casting.POSE_RATE_HZ
  needed = plan.duration_s * (
    recordings * second + tracks * 2 * _SAMPLE_BYTES * rate_hz
  )
  free = shutil.disk_usage(root).free
  text = f"{needed / 1e9:.2f} GB needed, {free / 1e9:.1f} GB free"
  logging.info("%d recordings to make, %s in %s", recordings, text, root)
  if needed > 0.98 * free:
    raise InputError(root, text, "free some room or choose another folder")


def _read_tracks(root: Path) -> dict[str, Any]:
  path = root / "tracks.json"
  if not path.is_file():
    return {}
  return json_file.read(path, "remove the folder")


def _is_listed(root: Path, track: str) -> bool:
  return track in _read_tracks(root)


def _prepare_track(
  root: Path, plan: RawPlan, found: casting.Cast, track: str
) -> tuple[np.ndarray, float]:
  """Writes a track's music once; returns it as written, and its gain.

  The gain takes the empty room's recording to a fixed peak. All recordings of
  a track share it: a gain of each recording's own would carry the pose.
  """
  path = root / "sound_cut" / f"{track}_input.WAV"
  sound = casting.track_music(plan, found, track)
  # What the file holds: recordings are made from the rounded samples.
  coded = np.clip(np.round(sound * 2.0**23), -(2**23), 2**23 - 1)
  sound = (coded / 2.0**23).astype(np.float32)
  digest = hashlib.sha256(coded.astype(np.int32).tobytes()).hexdigest()
  tracks = _read_tracks(root)
  if track in tracks and tracks[track].get("music_sha256") != digest:
    raise InputError(
      root / "tracks.json",
      f"track {track} was recorded with other music",
      "choose another --out folder",
    )
  if not path.is_file():
    _write_wav(path, sound, plan.scene.sample_rate_hz)
  if track not in tracks:
    tracks[track] = {
      "genre": found.tracks[track].style,
      "title": found.tracks[track].title,
      "gain": one_recording.level_gain(plan.scene, sound),
      "music_sha256": digest,
    }
    _write_json(root / "tracks.json", tracks)
  return sound, float(tracks[track]["gain"])


def _record(
  root: Path,
  plan: RawPlan,
  found: casting.Cast,
  subject: str,
  track: str,
  stem: str,
  sound: np.ndarray,
  gain: float,
) -> None:
  """Makes one recording's files, the wav last."""
  acted = casting.performance(plan, found, subject, track)
  scene: Scene = plan.noisy_scene()
  noise_seed = int(
    motion.random_stream(plan.seed, "noise", subject, track).integers(2**31)
  )
  signal = gain * recorder.render(
    scene, sound, acted.positions_m, acted.rate_hz, seed=noise_seed
  )
  peak = float(np.abs(signal).max())
  if not peak < 1.0:
    raise InputError(
      f"recording {stem}",
      f"peaks at {peak:.2f} of full scale",
      "use a higher --snr_db or a scene with the person further away",
    )
  poses.write_position_csv(
    root / "poses_synchronized" / f"{stem}_position.csv",
    acted.positions_m,
    acted.rate_hz,
  )
  lines = [
    f"{start_s:.6f} {end_s:.6f} {label}\n"
    for start_s, end_s, label in acted.labels
  ]
  whole_file.write_text(root / "annotations" / f"{stem}.txt", "".join(lines))
  _write_wav(
    root / "sound_cut" / f"{stem}_cut.wav", signal, scene.sample_rate_hz
  )


def _is_whole(root: Path, stem: str) -> bool:
  """Whether a recording is there: all its files, the sound in full length."""
  wav = root / "sound_cut" / f"{stem}_cut.wav"
  others = (
    root / "annotations" / f"{stem}.txt",
    root / "poses_synchronized" / f"{stem}_position.csv",
  )
  if not wav.is_file():
    return False
  with open(wav, "rb") as file:
    # A RIFF file begins with what follows these eight bytes.
    size = int.from_bytes(file.read(8)[4:], "little") + 8
  if wav.stat().st_size == size and all(path.is_file() for path in others):
    return True
  logging.warning("%s: recording is incomplete; it is made again", wav)
  return False


def _write_wav(path: Path, sound: np.ndarray, rate_hz: int) -> None:
  # Encoded first: libsndfile does not say why it could not write.
  coded = io.BytesIO()
  soundfile.write(coded, sound.T, rate_hz, format="WAV", subtype="PCM_24")
  with whole_file.writing(path) as file:
    file.write(coded.getbuffer())


def _write_json(path: Path, content: dict[str, Any]) -> None:
  text = json.dumps(content, indent=2, sort_keys=True)
  whole_file.write_text(path, text + "\n")
