"""A stream's channels are listened to once, wherever the music was said."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import stream_case
import trained_fixture

sys.path.insert(0, str(Path(__file__).parents[1] / "align"))

import plane_waves

from bgm2pose_jax.systems.bgm2pose import trained
from bgm2pose_jax.systems.bgm2pose.predict.predictor import Options
from bgm2pose_jax.systems.bgm2pose.stream import settings
from bgm2pose_jax.systems.bgm2pose.stream.live_channels import ChannelListener
from bgm2pose_jax.systems.bgm2pose.stream.live_music import Line

AMBIX = [0, 2, 3, 1]


def _listener(music, line, told):
  return ChannelListener(
    music,
    line,
    left="+Y",
    order="wxyz",
    maybe_simulated=True,
    tell=told.append,
  )


@pytest.mark.parametrize("late_s", [0, 40])
def test_channels_are_judged_once_when_there_is_enough(late_s):
  music = plane_waves.music(0, 22.0)
  recording = plane_waves.record(music)[AMBIX]
  recording = np.pad(recording, ((0, 0), (late_s * 48000, 0)))
  told = []
  listener = _listener(music, Line(late_s * 48000.0, 0.0), told)
  for low in range(0, recording.shape[1], 7000):
    listener.add(recording[:, low : low + 7000])
  listener.finish()
  listener.finish()
  (found,) = told
  assert found.fits == "W Y Z X"


def test_a_short_stream_is_judged_at_its_end_or_not_at_all():
  music = plane_waves.music()
  recording = plane_waves.record(music)[AMBIX]
  for seconds, heard in ((16, 1), (9, 0)):
    told = []
    listener = _listener(music, Line(0.0, 0.0), told)
    listener.add(recording[:, : seconds * 48000])
    listener.finish()
    assert len(told) == heard


@pytest.mark.slow
@pytest.mark.parametrize(("order", "said"), [("wxyz", 1), ("wyzx", 0)])
def test_a_session_puts_channels_in_order_and_tells(tmp_path, order, said):
  model = trained.load(
    str(trained_fixture.make_run(tmp_path / "run", model="wipose"))
  )
  music = plane_waves.music()
  recording = 0.2 * plane_waves.record(music)
  poses = []
  for sound, chosen in ((recording, "wxyz"), (recording[AMBIX], order)):
    run = stream_case.Run(
      model,
      music,
      stream_case.Source(sound),
      settings.check(model, Options(), realign=False, channel_order=chosen),
      Line(0.0, 0.0),
    )
    poses.append(run.pose)
  warned = [line for line in run.told if "--channel_order=wyzx" in line]
  assert len(warned) == said
  assert run.begun[0][0]["channel_order"] == order
  assert np.array_equal(*poses) == (order == "wyzx")
