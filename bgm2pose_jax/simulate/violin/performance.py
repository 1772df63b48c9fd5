"""One take: a player, a score, the bow and fingers, the body and the sound."""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.poses.body13 import FRAMES_PER_S
from bgm2pose_jax.simulate.violin import arms, posture, sound, strings
from bgm2pose_jax.simulate.violin.bowing import Bowing, bow_score
from bgm2pose_jax.simulate.violin.players import Player
from bgm2pose_jax.simulate.violin.score import Score, write_score

SAMPLE_RATE_HZ = strings.SAMPLE_RATE_HZ


@dataclasses.dataclass(frozen=True, eq=False)
class Performance:
  """All of one take; poses and sound come from the same `bowing`.

  Attributes:
    player: who plays.
    score: what is played.
    bowing: bow and fingers, 450 steps a second.
    strings: the four strings, 450 steps a second.
    stage: player, violin and bow, 50 frames a second.
    sound: float32 [n] at `SAMPLE_RATE_HZ`, as long as the poses.
  """

  player: Player
  score: Score
  bowing: Bowing
  strings: strings.StringState
  stage: posture.Stage
  sound: np.ndarray


def perform(
  player: Player, technique: str, duration_s: float, seed: int
) -> Performance:
  """Plays one take.

  Args:
    player: who plays.
    technique: a name in `techniques.TECHNIQUES`.
    duration_s: length; cut to whole frames of 20 ms.
    seed: draws score, movement and noise; not negative.

  Raises:
    InputError: if there is no such technique, or the take is too short.
    OutOfReachError: if the player is too small for the violin.
  """
  duration_s = round(duration_s * FRAMES_PER_S) / FRAMES_PER_S
  hair = arms.usable_hair_m(player)
  score = write_score(technique, player, hair, duration_s, seed)
  bowing = bow_score(score, player, seed)
  state = strings.string_state(bowing)
  return Performance(
    player=player,
    score=score,
    bowing=bowing,
    strings=state,
    stage=posture.stage(player, bowing, seed),
    sound=sound.microphone(state, player.voice_seed, seed),
  )
