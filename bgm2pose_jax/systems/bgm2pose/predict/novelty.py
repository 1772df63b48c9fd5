"""What of a recording a network has not met in its training, in words.

A network predicts whatever it is given. Whether its poses can mean anything is
said here, before the first of them: music, room and level that the training
did not have, and loudspeakers that cannot be told apart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.systems.bgm2pose import music_fingerprint, training_sound
from bgm2pose_jax.systems.bgm2pose.features import logmel_intensity
from bgm2pose_jax.systems.bgm2pose.music_fingerprint import Recognised
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel
from bgm2pose_jax.systems.bgm2pose.training_sound import Likeness

# Trains the network that does not need to know the song.
OTHER_KIND = "python -m bgm2pose_jax.main --features=music_kernel"
UNCLEAR_CHANNELS = (
  "left and right cannot be told apart in the sound, so nobody knows whether "
  "the loudspeakers are swapped: check the cables, and --left"
)
_MOST_NAMES = 6


@dataclasses.dataclass(frozen=True)
class Novelty:
  """What is new to a network.

  Attributes:
    music: whether the music is of the training.
    likeness: how near the sound is to the training's; None where nobody can
      tell.
    warnings: what a person should know before the first pose, a sentence each.
  """

  music: Recognised
  likeness: Likeness | None
  warnings: tuple[str, ...]

  def to_dict(self) -> dict[str, Any]:
    """Plain values that JSON can hold."""
    return {
      "music_in_training": self.music.to_dict(),
      "sound_like_training": (
        None if self.likeness is None else self.likeness.to_dict()
      ),
    }


def assess(
  model: MusicModel,
  music: np.ndarray,
  features: np.ndarray | None,
  *,
  channels: str | None = None,
) -> Novelty:
  """Compares a recording with the training of a network.

  Args:
    model: the network.
    music: [2, samples] at 48 kHz, what is played.
    features: [frames, f, c] of the recording's beginning, not normalised; None
      where nothing was heard yet.
    channels: `Alignment.channels`; None where nobody listened for it.
  """
  found = music_fingerprint.recognise(music, model.spec, model.known_music)
  likeness = None
  if features is not None:
    likeness = training_sound.compare(features, model.spec, model.known_sound)
  said = [*_of_music(found, model), *_of_sound(likeness)]
  if channels == "unclear":
    said.append(UNCLEAR_CHANNELS)
  return Novelty(found, likeness, tuple(said))


def _of_music(found: Recognised, model: MusicModel) -> list[str]:
  if found.state == music_fingerprint.NOT_RECORDED:
    return [
      "the model's folder does not say which music it was trained on (not "
      "recorded), so nobody knows whether this music was in the training"
    ]
  if found.state == music_fingerprint.TOO_SHORT:
    return [
      "the music is too short or too quiet to tell whether it was in the "
      "training"
    ]
  if found.state == music_fingerprint.IN_TRAINING:
    return []
  if found.state == music_fingerprint.PARTLY:
    first = (
      f"only {found.known} of {found.excerpts} excerpts of the music were in "
      "the training"
    )
  else:
    first = (
      "the music was not in the training, which had "
      f"{_listed(model.train_tracks)}"
    )
  if model.spec.name != logmel_intensity.SPEC.name:
    return [f"{first}: errors may be larger than on music of the training"]
  return [
    f"{first}: a model of the paper's maps carries the songs of its training "
    "along, and its poses may be no better than guessing (mean pose); a model "
    f"of the music kernel does not need to know the song: {OTHER_KIND}"
  ]


def _of_sound(likeness: Likeness | None) -> list[str]:
  if likeness is None:
    return []
  said = []
  if likeness.is_other_level:
    side, end = "louder", "loudest"
    if likeness.level_db < 0:
      side, end = "softer", "softest"
    said.append(
      f"the recording is {abs(likeness.level_db):.0f} dB {side} than the {end} "
      "of the training: set the recorder and the music as they were there"
    )
  if likeness.is_other_room:
    said.append(
      "the room sounds unlike that of the training (correlation "
      f"{likeness.room:.2f}, at least {likeness.least_room:.2f} in one room): "
      "another room, or microphone, loudspeakers or channels in another place"
    )
  return said


def _listed(names: Sequence[str]) -> str:
  shown = ", ".join(names[:_MOST_NAMES]) or "no name"
  more = len(names) - _MOST_NAMES
  return f"{shown} and {more} more" if more > 0 else shown
