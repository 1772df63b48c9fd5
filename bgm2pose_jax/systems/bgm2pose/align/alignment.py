"""Aligns a recording with its music, coarse to fine."""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.align import (
  arrival,
  result,
  sound_field,
  sounds,
  spectra,
)
from bgm2pose_jax.systems.bgm2pose.align.arrival import Arrival
from bgm2pose_jax.systems.bgm2pose.align.drift import refine_drift
from bgm2pose_jax.systems.bgm2pose.align.line import Line, fit_line
from bgm2pose_jax.systems.bgm2pose.align.response import (
  FOLDS,
  Delays,
  block_delays,
  explained_share,
  fit_response,
  quiet_power,
  sum_products,
)
from bgm2pose_jax.systems.bgm2pose.align.result import Alignment, Loudspeaker
from bgm2pose_jax.systems.bgm2pose.align.search import (
  SEARCH_RATE_HZ,
  Candidate,
  Search,
  search,
)
from bgm2pose_jax.systems.bgm2pose.align.spectra import Clocks
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_SAMPLES

SHORTEST_S = 15.0
LONGEST_S = 3600.0
# So unlikely must a vote be by chance (log10). Wrong music stays above -1,
# a right one at 10 dB of noise below -10.
LARGEST_LOG10_CHANCE = -3.0
# And so clearly must blocks contain what the others predict, in standard
# deviations of the noise over all blocks.
_LEAST_SCORE = 8.0
# A rival place of the music is looked at from this share of the votes'
# strength on, and reported from this share of explained sound on.
_RIVAL_STRENGTH = 0.5
_RIVAL_EXPLAINED = 0.97
_RIVALS_HZ = 1500.0
# Music is heard in a block that holds this share of what is predicted.
_LEAST_GAIN = 0.3
_LEAST_BLOCK_SCORE = 4.0
_FEWEST_BLOCKS = 4
# Samples are lost, not moved by a person: a direct sound that moves further.
_JUMP_S = 1e-3
# Less explained sound than this is noise, or another version of the music.
_LEAST_EXPLAINED = 0.5
_ROUNDS = 2
_WINDOW_SILENT_DB = 60.0


def align(
  recording: np.ndarray,
  music: np.ndarray,
  *,
  left: str = "+Y",
  where: object = "recording",
  channel_order: str = ambisonics.DEFAULT_ORDER,
  maybe_simulated: bool = True,
) -> Alignment:
  """Finds where the music begins in a recording and how the clocks drift.

  Args:
    recording: [4, samples] W X Y Z at 48 kHz, an array or a mapped file.
    music: [2, samples] at 48 kHz.
    left: microphone axis that points to the left of someone who looks from
      the microphone to the loudspeakers; +Y for an upright first-order
      microphone whose front faces them.
    where: names the recording in errors.
    channel_order: order of the file that W X Y Z were taken from, of
      `ambisonics.ORDERS`; named in warnings.
    maybe_simulated: see `sound_field.judge`.

  Returns:
    Offset, drift and what speaks for them.

  Raises:
    InputError: wrong shapes or lengths, an unknown axis, or music that is not
      in the recording.
  """
  _check(recording, music, left, where)
  samples = recording.shape[1]
  sound = sounds.resampled(recording, spectra.RATE_HZ)
  played = sounds.resampled(music, spectra.RATE_HZ)
  found = search(
    sounds.resampled(recording[:1], SEARCH_RATE_HZ)[0],
    sounds.resampled(music, SEARCH_RATE_HZ).mean(axis=0),
  )
  _check_found(found, where)
  chosen, clocks, rival_s = _choose(found, sound[:1], played)
  for _ in range(_ROUNDS):
    placed = spectra.place_music(played, clocks, sound.shape[1])
    quiet = quiet_power(placed)
    sums = sum_products(sound, placed, quiet)
    delays = block_delays(sound, placed, sums, quiet)
    line, states = _fit(delays, where)
    clocks = clocks.later_by(float(line.at(0.0)), line.slope)
  arrivals, arrival_se = arrival.measure(sums)
  first = min(a.delay_s for a in arrivals)
  clocks = Clocks(clocks.offset_s + first, clocks.drift_ppm)
  offset_se = np.hypot(
    np.hypot(
      line.intercept_se, line.slope_se * (clocks.offset_s - line.centre)
    ),
    arrival_se,
  )
  mono = arrival.is_mono(music)
  jump_s, jump_at_s = arrival.largest_jump_s(sound, placed, quiet)
  channels = "mono music" if mono else arrival.left_and_right(arrivals, left)
  heard = [s for s in states if s not in (result.OUTSIDE, result.SILENT)]
  response = fit_response(sums)
  field = sound_field.judge(
    sums,
    sound,
    left=left,
    order=channel_order,
    maybe_simulated=maybe_simulated,
  )
  answer = Alignment(
    offset_samples=float(clocks.offset_s) * SAMPLE_RATE_HZ,
    offset_se_samples=float(offset_se) * SAMPLE_RATE_HZ,
    drift_ppm=float(clocks.drift_ppm),
    drift_se_ppm=line.slope_se * 1e6,
    samples=samples,
    confidence=heard.count(result.USED) / max(len(heard), 1),
    votes=chosen.votes,
    voters=found.blocks,
    log10_chance=found.log10_chance,
    block_middle_s=delays.middle_s,
    block_delay_s=delays.delay_s - line.at(delays.middle_s),
    block_state=_outside(states, delays.middle_s, clocks, music.shape[1]),
    window_state=_windows(sound, placed, clocks, samples, music.shape[1]),
    loudspeakers=_loudspeakers(arrivals, first),
    channels=channels,
    explained=explained_share(sums, response),
    jump_s=jump_s if abs(jump_s) > _JUMP_S else None,
    jump_at_s=jump_at_s if abs(jump_s) > _JUMP_S else None,
    rival_s=rival_s,
    warnings=(),
    sound_field=field,
  )
  return dataclasses.replace(answer, warnings=_warnings(answer, left))


def _check(
  recording: np.ndarray, music: np.ndarray, left: str, where: object
) -> None:
  for name, sound, channels in (
    (where, recording, sounds.RECORDING_CHANNELS),
    ("music", music, sounds.MUSIC_CHANNELS),
  ):
    if sound.ndim != 2 or len(sound) != channels:
      raise InputError(
        name, f"shape {sound.shape}", f"give [{channels}, samples]"
      )
    seconds = sound.shape[1] / SAMPLE_RATE_HZ
    if not SHORTEST_S <= seconds <= LONGEST_S:
      raise InputError(
        name,
        f"lasts {seconds:.1f} s",
        f"give {SHORTEST_S:g} to {LONGEST_S:g} s",
      )
  if left not in arrival.LEFT_AXES:
    raise InputError(
      "left", f"{left!r}", f"use one of {', '.join(arrival.LEFT_AXES)}"
    )


def _check_found(found: Search, where: object) -> None:
  if found.candidates and found.log10_chance <= LARGEST_LOG10_CHANCE:
    return
  votes = found.candidates[0].votes if found.candidates else 0
  raise _not_found(
    where, f"{votes} of {found.blocks} blocks agree on a place, as by chance"
  )


def _not_found(where: object, why: str) -> InputError:
  return InputError(
    where,
    f"the music is not heard in it: {why}",
    "give the music that was played, or a recording with less noise",
  )


def _choose(
  found: Search, sound: np.ndarray, played: np.ndarray
) -> tuple[Candidate, Clocks, float | None]:
  """The candidate that explains most, with its drift refined.

  Votes count what is heard and predicted; they cannot tell a loop from the
  next one. Fitting the room can, where music begins or ends in the recording:
  music predicted where there is none costs, and so does the reverse.

  Returns:
    The candidate, its clocks, and how far off its nearest rival is.
  """
  best = found.candidates[0]
  clocks = Clocks(best.offset_s, best.drift_ppm)
  clocks = refine_drift(sound, played, clocks)
  rivals = [
    c for c in found.candidates if c.strength >= _RIVAL_STRENGTH * best.strength
  ]
  if len(rivals) == 1:
    return best, clocks, None
  # Each frequency weighs by its own sound, so that a hum does not decide.
  empty = np.zeros((2, sound.shape[1]), np.float32)
  power = np.zeros(len(spectra.FREQS_HZ))
  for block in spectra.blocks(sound, empty):
    power += np.square(np.abs(block.sound[0]))
  power += power.mean()
  # The clocks drift alike wherever the music begins, so rivals turn around
  # the middle of the recording.
  middle_s = sound.shape[1] / spectra.RATE_HZ / 2
  drift = clocks.drift_ppm * 1e-6
  places = []
  for rival in rivals:
    own = rival.drift_ppm * 1e-6
    position = (middle_s - rival.offset_s) * (1 + own)
    places.append(Clocks(middle_s - position / (1 + drift), clocks.drift_ppm))
  explained = np.array([_explained(p, sound, played, power) for p in places])
  first, second = np.argsort(-explained, kind="stable")[:2]
  rival_s = None
  if explained[second] >= _RIVAL_EXPLAINED * explained[first]:
    rival_s = places[second].offset_s - places[first].offset_s
  return rivals[first], places[first], rival_s


def _explained(
  clocks: Clocks,
  sound: np.ndarray,
  played: np.ndarray,
  power: np.ndarray,
) -> float:
  """Low frequencies' energy that the fitted music explains, over `power`.

  Args:
    clocks: where the music may lie.
    sound: [1, samples], W.
    played: [2, samples], the music.
    power: [bins] what to weigh by, the same for all candidates.
  """
  placed = spectra.place_music(played, clocks, sound.shape[1])
  sums = sum_products(sound, placed, 0.0)
  _, cross, _, count = sums.of(range(FOLDS))
  if not count:
    return 0.0
  spectrum = fit_response(sums).spectrum
  gained = np.einsum("csf,csf->f", cross, np.conj(spectrum)).real
  band = (spectra.FREQS_HZ > 100) & (spectra.FREQS_HZ < _RIVALS_HZ)
  return float(np.sum(gained[band] / power[band]))


def _fit(delays: Delays, where: object) -> tuple[Line, list[str]]:
  """The line through the blocks' delays, and what became of each block."""
  known = np.isfinite(delays.delay_s)
  heard = (
    known & (delays.gain > _LEAST_GAIN) & (delays.score > _LEAST_BLOCK_SCORE)
  )
  scores = delays.score[known]
  total = float(scores.sum() / np.sqrt(max(len(scores), 1)))
  if heard.sum() < _FEWEST_BLOCKS or total < _LEAST_SCORE:
    raise _not_found(
      where,
      f"{int(heard.sum())} of {int(known.sum())} blocks hold what the others "
      "predict",
    )
  # Reverberation of earlier music moves delays too, by less than the noise in
  # soft blocks and more in loud ones; the scatter knows both.
  floor = float(np.median(delays.deviation_s[heard]))
  deviation = np.hypot(delays.deviation_s, floor)
  line = fit_line(
    delays.middle_s[heard],
    delays.delay_s[heard],
    deviation[heard],
    spectra.OVERLAP,
  )
  states = np.where(known, result.FOREIGN, result.SILENT).astype(object)
  states[np.flatnonzero(heard)] = np.where(
    line.kept, result.USED, result.OUTLIER
  )
  return line, states.tolist()


def _loudspeakers(
  arrivals: list[Arrival], first: float
) -> tuple[Loudspeaker, ...]:
  return tuple(
    Loudspeaker(
      a.name,
      a.delay_s - first,
      a.polarity,
      (float(a.direction[0]), float(a.direction[1]), float(a.direction[2])),
    )
    for a in arrivals
  )


def _outside(
  states: list[str], middle_s: np.ndarray, clocks: Clocks, music: int
) -> tuple[str, ...]:
  """States with silence before and after the music told apart."""
  end = clocks.offset_s + music / SAMPLE_RATE_HZ / (1 + clocks.drift_ppm * 1e-6)
  half = spectra.BLOCK / 2 / spectra.RATE_HZ
  return tuple(
    result.OUTSIDE
    if state == result.SILENT
    and (m + half <= clocks.offset_s or m - half >= end)
    else state
    for state, m in zip(states, middle_s)
  )


def _windows(
  sound: np.ndarray,
  placed: np.ndarray,
  clocks: Clocks,
  samples: int,
  music: int,
) -> tuple[str, ...]:
  """What each window of 0.6 s is good for."""
  count = samples // WINDOW_SAMPLES
  size = WINDOW_SAMPLES * spectra.RATE_HZ // SAMPLE_RATE_HZ
  ratio = 1 + clocks.drift_ppm * 1e-6
  begin = clocks.offset_s * SAMPLE_RATE_HZ
  end = begin + music / ratio
  floor = 10 ** (-_WINDOW_SILENT_DB / 10)
  mean = float(np.square(placed, dtype=np.float64).sum(axis=0).mean())
  states = []
  for number in range(count):
    here = slice(number * size, (number + 1) * size)
    first = number * WINDOW_SAMPLES
    level = float(np.square(placed[:, here], dtype=np.float64).sum(0).mean())
    if first < begin or first + WINDOW_SAMPLES > end:
      states.append(result.OUTSIDE)
    elif level <= floor * mean or not sound[0, here].any():
      states.append(result.SILENT)
    else:
      states.append(result.USED)
  return tuple(states)


def _warnings(answer: Alignment, left: str) -> tuple[str, ...]:
  """What a person should look at, one sentence each."""
  out = [*answer.sound_field.warnings]
  if answer.channels == "swapped":
    out.append(
      f"the music's left channel comes from the right, if {left} of the "
      "microphone points left: swap the cables or the music's channels"
    )
  if answer.polarity != "normal":
    out.append(f"polarity: {answer.polarity}; nothing was turned round")
  if answer.rival_s is not None:
    out.append(
      f"the music repeats itself: it fits as well {answer.rival_s:+.3f} s from "
      "here"
    )
  if answer.jump_s is not None:
    out.append(
      f"the music jumps by {answer.jump_s * 1e3:+.1f} ms or more near"
      f" {answer.jump_at_s:.0f} s: samples were lost; cut the recording there"
    )
  heard = [speaker.name for speaker in answer.loudspeakers]
  if len(heard) == 1 and heard != ["both"]:
    out.append(f"only the {heard[0]} loudspeaker is heard")
  if answer.explained < _LEAST_EXPLAINED:
    out.append(
      f"the music explains {answer.explained:.0%} of the sound: much noise, or"
      " another version of the music"
    )
  if answer.confidence < 0.5:
    out.append(
      f"the music is heard in {answer.confidence:.0%} of the blocks only"
    )
  if result.USED not in answer.window_state:
    out.append("no window of 0.6 s has music")
  return tuple(out)
