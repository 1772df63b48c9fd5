"""Do a recording's channels hear the loudspeakers as W, X, Y and Z do?"""

from __future__ import annotations

from bgm2pose_jax.systems.bgm2pose.align import sound_field
from bgm2pose_jax.systems.bgm2pose.ampl.order_check import OrderCheck
from bgm2pose_jax.systems.bgm2pose.ampl.raw_layout import RawRecording
from bgm2pose_jax.systems.bgm2pose.doctor.findings import (
  ERROR,
  WARNING,
  Findings,
)
from bgm2pose_jax.systems.bgm2pose.doctor.raw_recording import Facts


def check_channels(
  recording: RawRecording, judge: OrderCheck, facts: Facts, found: Findings
) -> None:
  """Listens to the direct sound of a recording's first minute.

  Args:
    recording: its sound and music are in order.
    judge: what is assumed of the channels.
    facts: takes what was measured.
    found: takes the findings; an error where a build would refuse.
  """
  heard = None
  with found.guard(recording.wav, "channel order"):
    heard = judge.listen(recording)
  if heard is None:
    return
  facts.channel_order = heard.to_dict()
  facts.channel_order_text = heard.text()
  for warning in heard.warnings:
    refused = heard.is_other and judge.stated is None
    found.add(
      ERROR if refused else WARNING,
      "channel order",
      recording.wav,
      warning,
      "as said; or give --channel_order=wxyz if the channels are W X Y Z all"
      " the same",
    )
  gains = sound_field.gains_warning(heard, judge.gains)
  if gains is not None:
    found.warning(
      "channel order", recording.wav, gains, "state the gains that are right"
    )
