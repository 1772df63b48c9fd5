"""What a stream says: a line of JSON a frame, and the page that shows them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.report import document, player
from bgm2pose_jax.report.page import Page, Panel, render
from bgm2pose_jax.systems.bgm2pose.predict.pose_track import RATE_HZ
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import FRAME_SAMPLES
from bgm2pose_jax.systems.bgm2pose.report import BODY
from bgm2pose_jax.systems.bgm2pose.stream.live_poses import LiveFrame

_PACKAGE = "bgm2pose_jax.systems.bgm2pose.stream"
UNIT = BODY21.unit
# Two minutes to step back in.
_PAGE_FRAMES = 2400


class Lines:
  """Writes frames, to a file that may go away and to browsers."""

  def __init__(
    self,
    out: TextIO,
    *,
    simulated: bool,
    also_begin: Callable[[str], None] | None = None,
    also_send: Callable[[str], None] | None = None,
    states: bool = False,
  ):
    """Writes nothing yet.

    Args:
      out: takes lines.
      simulated: the model was trained on simulated recordings.
      also_begin: takes the first line too, without its end.
      also_send: takes each other line too.
      states: whether what is said before the first pose, and warnings that come
        later, are lines too; else `also_send` alone takes them.
    """
    self._states = states
    self._out, self._simulated = out, simulated
    self._also_begin, self._also_send = also_begin, also_send
    self._first_sample = 0

  def begin(self, facts: Mapping[str, Any], first_sample: int) -> None:
    """Writes the first line.

    Args:
      facts: the facts of the stream.
      first_sample: the stream's sample at which the first frame begins.
    """
    self._first_sample = first_sample
    line = json.dumps(
      {
        "joints": list(BODY21.joints),
        "unit": UNIT,
        "rate_hz": RATE_HZ,
        "simulated": self._simulated,
        "facts": dict(facts),
      }
    )
    if self._also_begin is not None:
      self._also_begin(line)
    self._write([line])

  def listening(self, state: Mapping[str, Any]) -> None:
    """Says how far listening for the music has come.

    Args:
      state: see `listening.Meter`.
    """
    self._say({"listening": dict(state)})

  def warning(self, warning: str) -> None:
    """Says what a person should know, a sentence."""
    self._say({"warning": warning})

  def _say(self, value: Mapping[str, Any]) -> None:
    line = json.dumps(value)
    if self._also_send is not None:
      self._also_send(line)
    if self._states:
      self._write([line])

  def frames(
    self, frames: Sequence[LiveFrame], late_ms: Sequence[float]
  ) -> None:
    """Writes frames.

    Args:
      frames: the frames in order.
      late_ms: latency of each.
    """
    said = [self._line(f, ms) for f, ms in zip(frames, late_ms)]
    if self._also_send is not None:
      for line in said:
        self._also_send(line)
    self._write(said)

  def _line(self, frame: LiveFrame, late_ms: float) -> str:
    middle = self._first_sample + (frame.number + 0.5) * FRAME_SAMPLES
    value = {
      "frame": frame.number,
      "time_s": round(middle / SAMPLE_RATE_HZ, 6),
    }
    if frame.pose is None:
      return json.dumps(value | {"dropped": True})
    pose = np.round(frame.pose.astype(np.float64), 4).tolist()
    return json.dumps(value | {"pose": pose, "latency_ms": round(late_ms, 1)})

  def _write(self, lines: Sequence[str]) -> None:
    self._out.write("".join(line + "\n" for line in lines))
    self._out.flush()


# What a page calls the sound that comes.
SOUNDS = {
  "simulated": ("SIMULATED SOUND", "The simulator made this recording."),
  "recorded": ("SOUND WITHOUT A SCENE FILE", "It is taken to be recorded."),
  "live": ("LIVE SOUND", ""),
}


def live_page(*, simulated: bool, sound: str = "live") -> str:
  """The page for browsers, as text.

  Args:
    simulated: the model was trained on simulated recordings.
    sound: what comes, a key of `SOUNDS`.
  """
  data = {
    **BODY,
    "live": {
      "frames": _PAGE_FRAMES,
      "height": 19,
      "reach": 8,
      "spread": False,
      "target": False,
    },
    "rate_hz": RATE_HZ,
    "simulated": simulated,
  }
  label = "MODEL OF SIMULATED DATA" if simulated else "MODEL OF RECORDED DATA"
  warning = "The model was trained on recordings from a simulator."
  return render(
    Page(
      title="Live",
      banners=[(label, warning if simulated else ""), SOUNDS[sound]],
      status="Waiting for the stream.",
      panels=(
        Panel(
          "",
          '<div id="warnings" role="alert"></div>',
          styles=("section:has(> #warnings:empty) { display: none; }\n",),
        ),
        player.panel(data, title="", starts=False),
        Panel(
          "Facts",
          '<p class="facts" id="facts"></p>',
          scripts=(document.asset("live.js", _PACKAGE),),
        ),
      ),
      # Not every browser counts a socket as the page's own.
      connect="'self' ws://localhost:* ws://127.0.0.1:*",
    )
  )
