"""How much of a recording the room's fixed response to the music explains.

Real rooms leave a part that no fixed linear response gives, 22 to 33 dB below
the music above 500 Hz even when they are empty. A person who moves adds to it:
that is what poses are read from. What is left beside what real empty rooms left
says what to expect of a room before anybody trains.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from bgm2pose_jax.audio import ambisonics, fir_fit
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.simulate.scene_parts import BAND_EDGES_HZ
from bgm2pose_jax.systems.bgm2pose.ampl import recordings
from bgm2pose_jax.systems.bgm2pose.ampl.raw_layout import RawRecording
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import BLOCK_WINDOWS, Block
from bgm2pose_jax.systems.bgm2pose.ampl.track_music import TrackMusic
from bgm2pose_jax.systems.bgm2pose.doctor.findings import Findings
from bgm2pose_jax.systems.bgm2pose.doctor.raw_recording import Facts
from bgm2pose_jax.systems.bgm2pose.still_room import room_fit, still_room
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S

# Gains with 500 ms in three empty rooms with a laptop's chain, the lowest and
# the highest, for the octaves from `BAND_EDGES_HZ`.
REAL_ROOMS_DB = (
  (5, 5), (16, 21), (21, 27), (29, 33), (28, 33), (26, 32), (22, 29),
)  # fmt: skip
# Half learns the response, half is judged.
_LONGEST_S = 120.0
_SHORTEST_S = 20.0
# So far below the real rooms the music is no longer what is heard.
_FAR_DB = 15.0


def check_room(
  recording: RawRecording,
  facts: Facts,
  found: Findings,
  order: str = ambisonics.DEFAULT_ORDER,
) -> None:
  """Fits a response to the first half of W, and judges it on the second.

  Args:
    recording: its sound and music are in order.
    facts: takes the gain of each octave.
    found: takes what is far from real rooms.
    order: order of the recording's channels.
  """
  windows = min(facts.windows or 0, round(_LONGEST_S / WINDOW_S))
  if windows * WINDOW_S < _SHORTEST_S:
    return
  blocks = windows // BLOCK_WINDOWS
  with found.guard(recording.wav, "room"):
    with TrackMusic(
      recording.music, recording.track, recording.wav.parent
    ) as music:

      def heard() -> Iterator[Block]:
        return recordings.sound_blocks(recording.wav, music, windows, order)

      half = max(1, blocks // 2)
      fitted = room_fit.fit(lambda: itertools.islice(heard(), half))
      pairs = still_room.still_blocks(heard(), fitted.taps)
      sounds, rests = [], []
      for block, still in itertools.islice(pairs, half, None):
        sounds.append(block.audio[0])
        rests.append(block.audio[0] - still[0])
    if not sounds:
      return
    sound, rest = (np.concatenate(x).astype(float) for x in (sounds, rests))
    gains = fir_fit.octave_decibels(sound, rest, SAMPLE_RATE_HZ, BAND_EDGES_HZ)
    facts.room_db = tuple(round(float(g), 1) for g in gains)
    low = [
      f"{edge:g} Hz"
      for edge, gain, (least, _) in zip(BAND_EDGES_HZ, gains, REAL_ROOMS_DB)
      if edge >= 500 and gain < least - _FAR_DB
    ]
    if low:
      found.warning(
        "room",
        recording.wav,
        f"the room's fixed response explains little of the sound in the octaves"
        f" from {', '.join(low)}: {_text(gains)} dB where empty real rooms have"
        f" {_range_text()}",
        "look for noise, clipping, music that is not what was played, or clocks"
        " that drift",
      )


def _text(gains: np.ndarray) -> str:
  return " ".join(f"{gain:.0f}" for gain in gains)


def _range_text() -> str:
  return ", ".join(
    f"{low}" if low == high else f"{low} to {high}"
    for low, high in REAL_ROOMS_DB
  )
