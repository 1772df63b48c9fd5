"""What a person sees while a stream listens for its music."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from bgm2pose_jax.systems.bgm2pose.stream import listening
from bgm2pose_jax.systems.bgm2pose.stream.lines import Lines, live_page


def states(samples, seconds=2, wanted_s=20.0):
  """States of so many seconds of a second's samples [4, n]."""
  shown = []
  meter = listening.Meter(shown.append)
  for second in range(1, seconds + 1):
    meter.add(samples, float(second), wanted_s)
  return shown


def test_a_state_a_second_counts_down_and_measures_each_channel():
  samples = np.zeros((4, 48000), np.float32)
  samples[0] = 0.1 * np.sqrt(2) * np.sin(np.arange(48000) / 9)
  samples[1] = 1.0
  samples[2] = 1e-3
  first, second = states(samples)
  assert (first["left_s"], second["left_s"]) == (19.0, 18.0)
  assert first["level_db"] == {
    "W": pytest.approx(-20, abs=0.1),
    "X": 0.0,
    "Y": pytest.approx(-60, abs=0.1),
    "Z": -90.0,
  }
  assert first["channels"] == {
    "W": "heard",
    "X": "clipped",
    "Y": "heard",
    "Z": "silent",
  }
  # The second measures its own second.
  assert second["level_db"] == first["level_db"]


def test_the_line_says_time_level_faults_and_match():
  (state,) = states(np.full((4, 48000), 0.1, np.float32), seconds=1)
  line = listening.text(state)
  assert line.startswith("listening, 19 s to go  W #######    -20.0 dB")
  state["channels"]["Z"] = listening.SILENT
  state["left_s"], state["match"] = 0.0, "not heard (noise)"
  line = listening.text(state)
  assert line.startswith("looking for the music")
  assert "-20.0 dB SILENT" in line
  assert line.endswith("last match: not heard (noise)")


def test_a_terminal_is_overwritten_and_a_file_is_not():
  (state,) = states(np.full((4, 48000), 0.1, np.float32), seconds=1)

  class Terminal(io.StringIO):
    def isatty(self):
      return True

  terminal, file = Terminal(), io.StringIO()
  for out in (terminal, file):
    screen = listening.Screen(out)
    screen.show(state)
    screen.show(state)
    screen.tell("found")
  assert terminal.getvalue().count("\r") == 2
  assert terminal.getvalue().endswith("dB\nfound\n")
  assert file.getvalue().splitlines() == [listening.text(state), "found"]


@pytest.mark.parametrize("states_too", [False, True])
def test_states_and_warnings_go_to_browsers_and_where_asked_to_lines(
  states_too,
):
  out, sent = io.StringIO(), []
  lines = Lines(out, simulated=True, also_send=sent.append, states=states_too)
  lines.listening({"left_s": 3.0})
  lines.warning("the music was not in the training")
  wanted = [
    {"listening": {"left_s": 3.0}},
    {"warning": "the music was not in the training"},
  ]
  assert [json.loads(line) for line in sent] == wanted
  got = [json.loads(line) for line in out.getvalue().splitlines()]
  assert got == (wanted if states_too else [])


@pytest.mark.parametrize(
  ("sound", "stamp"),
  [
    ("simulated", "SIMULATED SOUND"),
    ("recorded", "SOUND WITHOUT A SCENE FILE"),
    ("live", "LIVE SOUND"),
  ],
)
def test_the_stamp_says_what_is_simulated(sound, stamp):
  page = live_page(simulated=True, sound=sound)
  assert "MODEL OF SIMULATED DATA" in page
  assert stamp in page
