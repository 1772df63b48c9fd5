"""Threads that get sound: bounded, and closed however they end."""

from __future__ import annotations

import os
import sys
import threading
import time
import types

import numpy as np
import pytest
import soundfile

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.stream import sound_card
from bgm2pose_jax.systems.bgm2pose.stream.sound_input import (
  FileInput,
  PipeInput,
)
from bgm2pose_jax.systems.bgm2pose.stream.sound_queue import (
  Pace,
  Piece,
  SoundQueue,
)

_SOUND = np.random.default_rng(0).uniform(-0.9, 0.9, (4, 4800)).astype("f4")


def _taken(queue: SoundQueue) -> np.ndarray:
  """All of it, until the end."""
  parts = [np.zeros((4, 0), np.float32)]
  while True:
    try:
      piece = queue.take(10.0)
    except EOFError:
      return np.concatenate(parts, axis=1)
    assert piece is not None
    parts.append(piece.samples)


def _piece(seconds: float) -> Piece:
  return Piece(np.zeros((4, round(48000 * seconds)), np.float32), 0.0, 0.0)


def test_who_can_wait_waits_for_room():
  queue = SoundQueue(longest_s=0.1)
  put = []

  def body():
    for _ in range(3):
      put.append(queue.put(_piece(0.06)))

  thread = threading.Thread(target=body, daemon=True)
  thread.start()
  while not put:
    time.sleep(0.01)
  time.sleep(0.05)
  assert len(put) == 1
  assert queue.held_s == pytest.approx(0.06)
  for _ in range(3):
    assert queue.take(10.0) is not None
  thread.join()
  assert put == [True] * 3
  queue.close()
  assert not queue.put(_piece(0.01))


def test_who_cannot_wait_loses_and_counts():
  queue = SoundQueue(longest_s=0.1)
  for _ in range(5):
    queue.put_or_lose(_piece(0.03))
  first = queue.take(0)
  assert first is not None
  assert first.lost == 0
  queue.put_or_lose(_piece(0.03))
  queue.take(0)
  queue.take(0)
  last = queue.take(0)
  assert last is not None
  assert last.lost == 2 * 1440
  assert queue.take(0.01) is None


def test_an_error_comes_after_the_sound_before_it():
  queue = SoundQueue()
  queue.put(_piece(0.01))
  queue.close(InputError("here", "broke", "mend it"))
  assert queue.take(0) is not None
  with pytest.raises(InputError, match="broke"):
    queue.take(0)


def test_sound_that_runs_ahead_is_due_in_real_time():
  pace = Pace()
  pieces = [pace.piece(np.zeros((4, 48000), np.float32)) for _ in range(5)]
  ahead = pieces[-1].due_s - pieces[-1].arrived_s
  assert 3.5 < ahead < 4.0


def test_a_pipe_is_read_to_its_end_and_half_a_sample_is_told():
  read, write = os.pipe()
  source = PipeInput("f32le", read)
  source.start()
  data = _SOUND.T.tobytes() + b"123"

  def body():
    for low in range(0, len(data), 1000):
      os.write(write, data[low : low + 1000])
    os.close(write)

  threading.Thread(target=body, daemon=True).start()
  np.testing.assert_array_equal(_taken(source.queue), _SOUND)
  assert len(source.notes) == 1
  assert "last 3 bytes" in source.notes[0]
  os.close(read)


def test_a_pipe_of_something_else_is_told_after_its_sound():
  read, write = os.pipe()
  source = PipeInput("f32le", read)
  source.start()
  os.write(write, _SOUND.T[:100].tobytes())
  assert source.queue.take(10.0) is not None
  os.write(write, b"\xff" * 1600)
  with pytest.raises(InputError, match="no f32le any more"):
    _taken(source.queue)
  os.close(write)
  os.close(read)


def test_a_pipe_blocks_who_writes_too_much():
  read, write = os.pipe()
  source = PipeInput("f32le", read)
  source.queue = SoundQueue(longest_s=0.1)
  source.start()
  os.set_blocking(write, False)
  sent, block = 0, np.zeros((4800, 4), np.float32).tobytes()
  deadline_s = time.monotonic() + 10
  stuck_s = None
  while time.monotonic() < deadline_s:
    try:
      sent += os.write(write, block)
      stuck_s = None
    except BlockingIOError:
      stuck_s = stuck_s or time.monotonic()
      if time.monotonic() - stuck_s > 0.3:
        break
      time.sleep(0.01)
  # The queue, one read in hand, and what the system keeps of a pipe.
  assert stuck_s is not None
  assert sent < len(block) + (1 << 16) * 4
  os.close(write)
  source.stop()


def test_a_file_comes_as_fast_as_it_is_used(tmp_path):
  path = tmp_path / "a.wav"
  soundfile.write(path, _SOUND.T, 48000, subtype="FLOAT")
  source = FileInput(path, speed=0)
  assert source.samples == 4800
  assert source.is_patient
  source.start()
  np.testing.assert_array_equal(_taken(source.queue), _SOUND)


def test_a_file_in_real_time_is_not_early(tmp_path):
  path = tmp_path / "a.wav"
  soundfile.write(path, _SOUND.T, 48000, subtype="FLOAT")
  source = FileInput(path, speed=1)
  begin_s = time.monotonic()
  source.start()
  end = 0
  while end < 4800:
    piece = source.queue.take(10.0)
    assert piece is not None
    end += piece.samples.shape[1]
    assert piece.arrived_s - begin_s >= end / 48000


@pytest.mark.parametrize("speed", [-1.0, np.nan, np.inf])
def test_no_speed_is_refused(tmp_path, speed):
  path = tmp_path / "a.wav"
  soundfile.write(path, _SOUND.T, 48000, subtype="FLOAT")
  with pytest.raises(InputError, match="no speed"):
    FileInput(path, speed)


class _Card(types.ModuleType):
  """Stands in for sounddevice: no machine for tests has a sound card."""

  PortAudioError = OSError

  def __init__(self):
    super().__init__("sounddevice")
    self.opened = {}
    card = self

    class Stream:
      def __init__(self, **options):
        if options.get("device") == "none":
          raise OSError("no such device")
        card.opened = options

      def start(self):
        pass

      def close(self):
        pass

    self.InputStream = self.OutputStream = Stream

  def records(self, samples, at_s, overflow=False):
    """Calls back with samples [4, n], recorded from `at_s` on."""
    self.opened["callback"](
      samples.T,
      samples.shape[1],
      types.SimpleNamespace(inputBufferAdcTime=at_s),
      types.SimpleNamespace(input_overflow=overflow),
    )


@pytest.fixture
def card(monkeypatch):
  made = _Card()
  monkeypatch.setitem(sys.modules, "sounddevice", made)
  return made


def test_a_sound_card_gives_four_channels_and_counts_what_it_lost(card):
  source = sound_card.DeviceInput("3")
  source.start()
  assert card.opened["channels"] == 4
  assert card.opened["samplerate"] == 48000
  assert card.opened["device"] == 3
  card.records(_SOUND[:, :480], 5.0)
  # An unsteady call is no loss, and neither is a gap that nobody owns up to.
  card.records(_SOUND[:, :480], 5.015)
  card.records(_SOUND[:, :480], 6.025 + 0.01, overflow=True)
  pieces = [source.queue.take(0) for _ in range(3)]
  assert [p.lost for p in pieces if p] == [0, 0, round(1.01 * 48000)]
  np.testing.assert_array_equal(pieces[0].samples, _SOUND[:, :480])
  card.opened["finished_callback"]()
  with pytest.raises(EOFError):
    source.queue.take(1.0)


def test_a_card_that_is_not_there_is_told(card):
  with pytest.raises(InputError, match="does not record 4 channels"):
    sound_card.DeviceInput("none").start()


def test_the_music_is_played_once(card):
  music = _SOUND[:2]
  player = sound_card.MusicPlayer(music)
  player.start()
  out = np.full((3000, 2), 9, np.float32)
  card.opened["callback"](out, 3000, None, None)
  np.testing.assert_array_equal(out, music[:, :3000].T)
  card.opened["callback"](out, 3000, None, None)
  np.testing.assert_array_equal(out[:1800], music[:, 3000:].T)
  assert not out[1800:].any()


def test_without_the_package_the_extra_is_named(monkeypatch):
  monkeypatch.setitem(sys.modules, "sounddevice", None)
  with pytest.raises(InputError, match=r"\[live\]"):
    sound_card.DeviceInput()
