"""Who performs what: the subjects, tracks and motions of a simulated set.

`RawPlan` says what is wanted, `cast` looks at the folders and answers with
names, music and captured clips. Every recording's motion is a function of
(seed, subject, track) alone, so recordings can be made in any order.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.split import natural_key
from bgm2pose_jax.files import checksums
from bgm2pose_jax.poses import subject_evidence
from bgm2pose_jax.simulate import motion, music, performers, sessions
from bgm2pose_jax.simulate.scene import Scene
from bgm2pose_jax.systems.bgm2pose import splits
from bgm2pose_jax.systems.bgm2pose.performances import Performances, Source
from bgm2pose_jax.systems.bgm2pose.simulated import music_folder, retarget
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S

# AMPL's poses; the raw layout knows no other rate.
POSE_RATE_HZ = 120.0
# One motion window and the shortest music; shorter recordings hold no window.
_SHORTEST_S = 1.2
_MOST_WARNINGS = 5
# A performer shows so much of an action at a time, so that a session of some
# minutes holds every action.
PERFORMER_EXCERPT_S = 8.0


@dataclasses.dataclass(frozen=True)
class RawPlan:
  """What a simulated AMPL folder holds.

  Attributes:
    subjects: number of procedural people, or subjects by name. With
      `mocap_dir` a number is not looked at: all captured people take part, or
      all performers.
    tracks: names of the music to record; empty for all there is.
    minutes: length of each recording; one is made per subject and track.
    seed: the seed of people, order, timing, music and noise.
    snr_db: level of the recording over the background noise; None for none.
    scene: room, loudspeakers and microphone (its `snr_db` gives way to ours).
    mocap_dir: folder of captured motion; None for procedural motion.
    music_dir: folder of audio files; None for the procedural tracks.
    yaw: heading of captured people, see `sessions.make_session`.
    joint_map: file that says which names in the motion files are which joints,
      see `poses.joint_map_file`; None for none of its own.
    performers: how many performers to make of the captured people, see
      `simulate.performers`; 0 lets those move themselves.
  """

  subjects: int | Sequence[str] = 7
  tracks: Sequence[str] = ()
  minutes: float = 5.0
  seed: int = 0
  snr_db: float | None = 40.0
  scene: Scene = dataclasses.field(default_factory=Scene)
  mocap_dir: str | None = None
  music_dir: str | None = None
  yaw: str = "front"
  joint_map: str | None = None
  performers: int = 0

  def __post_init__(self) -> None:
    if isinstance(self.subjects, str) or isinstance(self.tracks, str):
      raise InputError("plan", "names as one text", "pass a tuple of names")
    if isinstance(self.subjects, int):
      if self.subjects < 1:
        raise InputError("subjects", f"{self.subjects}", "use 1 or more")
    else:
      object.__setattr__(self, "subjects", tuple(self.subjects))
    object.__setattr__(self, "tracks", tuple(self.tracks))
    if not (
      math.isfinite(self.minutes)
      and _SHORTEST_S / 60 <= self.minutes <= 24 * 60
    ):
      raise InputError(
        "minutes", f"{self.minutes}", f"use {_SHORTEST_S / 60} to {24 * 60}"
      )
    if self.seed < 0:
      raise InputError("seed", f"{self.seed}", "use 0 or more")
    if self.yaw not in sessions.YAWS:
      raise InputError(
        "yaw", f"{self.yaw!r}", f"use one of {', '.join(sessions.YAWS)}"
      )
    if self.joint_map is not None and self.mocap_dir is None:
      raise InputError(
        "--joint_map",
        f"{self.joint_map} given without --mocap_dir",
        "add --mocap_dir=... or drop it",
      )
    if self.performers < 0:
      raise InputError("--performers", f"{self.performers}", "use 0 or more")
    if self.performers and self.mocap_dir is None:
      raise InputError(
        f"--performers={self.performers}",
        "given without --mocap_dir",
        "performers are made of captured people: add --mocap_dir=...",
      )

  @property
  def duration_s(self) -> float:
    """Length of a recording in seconds."""
    return 60.0 * self.minutes

  def noisy_scene(self) -> Scene:
    """The scene with this plan's background noise."""
    if self.snr_db is None:
      return dataclasses.replace(self.scene, noise="none")
    return dataclasses.replace(self.scene, snr_db=float(self.snr_db))


@dataclasses.dataclass(frozen=True)
class Cast:
  """The names behind a plan.

  Attributes:
    subjects: names as they stand in file names.
    tracks: wanted tracks by name.
    clips: captured clips by subject; empty for procedural motion. Those of a
      performer are the ones that it performs.
    performers: {subject: performer}; empty where captured people move
      themselves.
  """

  subjects: tuple[str, ...]
  tracks: dict[str, music.Piece]
  clips: dict[str, tuple[poses.Clip, ...]]
  performers: dict[str, performers.Performer] = dataclasses.field(
    default_factory=dict
  )

  @property
  def performances(self) -> Performances | None:
    """What the performers show; None without performers."""
    if not self.performers:
      return None
    return Performances(
      sources={
        clip.name: Source(clip.source_path, _token(clip.subject), clip.action)
        for own in self.clips.values()
        for clip in own
      },
      shows={
        name: tuple(clip.name for clip in own)
        for name, own in self.clips.items()
      },
      persons={name: who.person for name, who in self.performers.items()},
    )

  @property
  def people(self) -> splits.CapturedPeople | None:
    """What is known of the captured people; None for procedural ones."""
    clips = [clip for own in self.clips.values() for clip in own]
    evidence = subject_evidence.weakest(clip.subject_from for clip in clips)
    if evidence is None:
      return None
    files: dict[str, list[str]] = {}
    for clip in clips:
      for sentence in clip.warnings:
        named = files.setdefault(sentence, [])
        if clip.source_path not in named:
          named.append(clip.source_path)
    return splits.CapturedPeople(evidence, _shortened(files))


def cast(plan: RawPlan) -> Cast:
  """Finds the subjects and tracks of a plan.

  Raises:
    InputError: unknown track or subject, a name that file names cannot carry,
      or a folder without music or motion.
  """
  known = music.COMPOSED
  if plan.music_dir is not None:
    known = music_folder.read(plan.music_dir)
  for name in plan.tracks:
    if name not in known:
      raise InputError(
        f"track {name!r}",
        f"not in {plan.music_dir or 'the procedural music'}",
        f"use some of {', '.join(known)}",
      )
  tracks = {name: known[name] for name in (plan.tracks or known)}
  clips: dict[str, tuple[poses.Clip, ...]] = {}
  if plan.mocap_dir is not None:
    digest = motion_digest(plan.mocap_dir, plan.joint_map)
    clips = _clips(plan.mocap_dir, plan.joint_map, digest)
  made = _performers(clips, plan)
  if made:
    clips = {name: _repertoire(clips, who) for name, who in made.items()}
  if isinstance(plan.subjects, int):
    people = tuple(clips) or tuple(str(i) for i in range(plan.subjects))
  else:
    people = tuple(_token(str(name)) for name in plan.subjects)
  for name in people:
    if clips and name not in clips:
      raise InputError(
        f"subject {name!r}",
        "is no performer" if made else f"not in {plan.mocap_dir}",
        f"use some of {', '.join(clips)}",
      )
  if not people or len(set(people)) < len(people):
    raise InputError(
      "subjects", f"{plan.subjects}", "give at least one, each name once"
    )
  return Cast(
    people,
    tracks,
    {name: clips[name] for name in people if clips},
    {name: made[name] for name in people if made},
  )


def holdings(plan: RawPlan) -> splits.Holdings:
  """What a folder made to this plan holds, for choosing splits.

  Raises:
    InputError: as `cast`.
  """
  found = cast(plan)
  return splits.Holdings(
    genres={name: track.style for name, track in found.tracks.items()},
    subjects=dict.fromkeys(found.tracks, found.subjects),
    people=found.people,
    performances=found.performances,
  )


def performance(
  plan: RawPlan, found: Cast, subject: str, track: str
) -> motion.Performance:
  """The motion of one recording, poses in scene axes at `POSE_RATE_HZ`."""
  rng = motion.random_stream(plan.seed, "motion", subject, track)
  if found.clips:
    clips = found.clips[subject]
    who = found.performers.get(subject)
    if who is not None:
      clips = [performers.perform_clip(who, c, plan.seed) for c in clips]
    return sessions.make_session(
      clips,
      plan.duration_s,
      rng,
      rate_hz=POSE_RATE_HZ,
      window_s=WINDOW_S,
      yaw=plan.yaw,
      excerpt_s=None if who is None else PERFORMER_EXCERPT_S,
    )
  style = motion.subject_style(subject, plan.seed)
  return motion.perform(style, plan.duration_s, rng, POSE_RATE_HZ)


def track_music(plan: RawPlan, found: Cast, track: str) -> np.ndarray:
  """The music of a track, float32 [2, samples], as long as a recording."""
  rate_hz = plan.scene.sample_rate_hz
  path = found.tracks[track].path
  if path is None:
    return music.compose(track, plan.duration_s, plan.seed, rate_hz)
  return music.load_music(path, plan.duration_s, rate_hz)


def motion_digest(folder: str | Path, joint_map: str | None = None) -> str:
  """Digest of captured motion and of how it is read and retargeted.

  Args:
    folder: the motion files.
    joint_map: file that names their joints, or None.

  Raises:
    InputError: no such folder, or a joint map that cannot be used.
  """
  text = f"{checksums.of_folder(folder)} {retarget.SPINE_OF_STATURE:.6f}"
  if joint_map is not None:
    text += f" {checksums.of_json(poses.read_joint_map(joint_map))}"
  return hashlib.sha256(text.encode()).hexdigest()


def _performers(
  clips: Mapping[str, Sequence[poses.Clip]], plan: RawPlan
) -> dict[str, performers.Performer]:
  """The performers of a plan by name; none where it asks for none."""
  made = (
    performers.draw_performer(clips, number, plan.seed)
    for number in range(plan.performers)
  )
  return {who.name: who for who in made}


def _repertoire(
  clips: Mapping[str, Sequence[poses.Clip]], who: performers.Performer
) -> tuple[poses.Clip, ...]:
  """The captured clips that a performer performs."""
  return tuple(
    clip
    for own in clips.values()
    for clip in own
    if clip.source_path in who.files
    and clip.duration_s >= performers.SHORTEST_S
  )


def _shortened(files: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
  """The first few of {sentence: files}, each with its first file."""
  said = [
    f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}:"
    f" {sentence}"
    for sentence, names in files.items()
  ]
  more = len(said) - _MOST_WARNINGS
  return (*said[:_MOST_WARNINGS], *([f"{more} more"] if more > 0 else []))


def _token(name: str) -> str:
  """A subject's name as `subject_<s>_<track>` can carry it."""
  token = name.removeprefix("subject_")
  token = "".join(c if c.isalnum() or c == "-" else "-" for c in token)
  return token or "0"


@functools.lru_cache(maxsize=2)
def _clips(
  mocap_dir: str, joint_map: str | None, _digest: str
) -> dict[str, tuple[poses.Clip, ...]]:
  """Clips by subject token; read again only when a file changed."""
  people: dict[str, list[poses.Clip]] = {}
  owners: dict[str, str] = {}
  for clip in poses.load_folder(mocap_dir, joint_map):
    token = _token(clip.subject)
    if owners.setdefault(token, clip.subject) != clip.subject:
      raise InputError(
        mocap_dir,
        f"subjects {owners[token]!r} and {clip.subject!r} look alike in file"
        " names",
        "rename one of them",
      )
    # One unit for everybody, whatever figure they were captured on.
    moved = retarget.place_spine(clip.positions_m, clip.height_m)
    people.setdefault(token, []).append(
      dataclasses.replace(clip, positions_m=moved)
    )
  order = sorted(people, key=natural_key)
  return {name: tuple(people[name]) for name in order}
