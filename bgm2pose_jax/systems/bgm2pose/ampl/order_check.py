"""Are raw recordings in the order that they will be read in?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

from absl import logging

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.ampl.raw_layout import RawRecording

if TYPE_CHECKING:
  from bgm2pose_jax.systems.bgm2pose.align.sound_field import SoundField

# Alignment brings scipy.signal, which takes half a second to import, and not
# every run reads raw recordings: it is imported where sound is listened to.


@dataclasses.dataclass(frozen=True)
class OrderCheck:
  """Listens to recordings before anything is made of them.

  Attributes:
    stated: the order that somebody stated, taken against what is heard; None
      for nobody.
    gains: gains that are assumed; None where they are not known.
    left: axis of the microphone that points left.
    simulated: whether the simulator made the recordings.
  """

  stated: str | None = None
  gains: str | None = None
  left: str = "+Y"
  simulated: bool = False

  def listen(self, recording: RawRecording) -> SoundField | None:
    """What the first minute of a recording says of its channels.

    Args:
      recording: the recording with its music.

    Returns:
      None where there is no music, or too little.

    Raises:
      InputError: a file that cannot be read.
    """
    from bgm2pose_jax.systems.bgm2pose.align import heard_channels

    if recording.music is None:
      return None
    return heard_channels.of_files(
      recording.wav,
      recording.music,
      left=self.left,
      order=self.stated or ambisonics.DEFAULT_ORDER,
      maybe_simulated=self.simulated,
    )

  def check(self, recordings: Iterable[RawRecording]) -> None:
    """Refuses recordings that are clearly in another order or format.

    What somebody stated is used, and what is less clear too; a log line then
    says what is heard.

    Args:
      recordings: with their music; without it nothing is heard.

    Raises:
      InputError: naming the order that fits.
    """
    from bgm2pose_jax.systems.bgm2pose.align import sound_field

    for recording in recordings:
      found = self.listen(recording)
      if found is None:
        continue
      if found.is_other and self.stated is None:
        raise InputError(
          recording.wav,
          found.warnings[0],
          "or give --channel_order=wxyz if the channels are W X Y Z all the"
          " same",
        )
      warnings = list(found.warnings)
      gains = sound_field.gains_warning(found, self.gains)
      for warning in warnings + ([gains] if gains else []):
        logging.warning("%s: %s", recording.wav, warning)
