"""One stream from its first sample to its last pose."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.align import sound_field
from bgm2pose_jax.systems.bgm2pose.align.sound_field import SoundField
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel
from bgm2pose_jax.systems.bgm2pose.predict import novelty, predictor
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import FRAME_SAMPLES
from bgm2pose_jax.systems.bgm2pose.stream import listening as listening_lib
from bgm2pose_jax.systems.bgm2pose.stream.flow import (
  Flow,
  expected_pair,
  make_parts,
)
from bgm2pose_jax.systems.bgm2pose.stream.latency import Figures
from bgm2pose_jax.systems.bgm2pose.stream.live_alignment import (
  Found,
  History,
  Keeper,
  Search,
)
from bgm2pose_jax.systems.bgm2pose.stream.live_channels import ChannelListener
from bgm2pose_jax.systems.bgm2pose.stream.live_features import LiveFeatures
from bgm2pose_jax.systems.bgm2pose.stream.live_music import Line, LiveMusic
from bgm2pose_jax.systems.bgm2pose.stream.live_poses import LiveFrame
from bgm2pose_jax.systems.bgm2pose.stream.settings import Settings
from bgm2pose_jax.systems.bgm2pose.stream.sound_input import SoundInput
from bgm2pose_jax.systems.bgm2pose.stream.sound_queue import CHANNELS, Piece

_POLL_S = 0.25
_STALL_S = 2.0
_REPORT_S = 60.0
# After music that was not found in what was heard.
_AGAIN_S = 10.0
# Sound that is compared with that of the training.
_LIKENESS_S = 8.0
# Lost samples are filled up piece by piece.
_FILL_SAMPLES = SAMPLE_RATE_HZ // 2


class Session:
  """Takes sound from its source until it ends, and hands out poses."""

  def __init__(
    self,
    model: MusicModel,
    music: np.ndarray,
    source: SoundInput,
    settings: Settings,
    *,
    begin: Callable[[dict[str, Any], int], None],
    emit: Callable[[Sequence[LiveFrame], Sequence[float]], None],
    tell: Callable[[str], None],
    channels: SoundField | None = None,
    listening: Callable[[dict[str, Any]], None] = lambda state: None,
    warn: Callable[[str], None] = lambda warning: None,
    sound: str = "recorded",
  ):
    """Prepares; nothing is read yet.

    Args:
      model: the network.
      music: [2, samples] at 48 kHz.
      source: the source of the sound.
      settings: how.
      begin: called once before the first pose with the facts and the sample
        of the stream at which the first frame begins.
      emit: takes frames and their latencies in ms, in order.
      tell: takes what a person should read, a line each.
      channels: what the sound says of its channels, where that is known
        before it begins; None listens.
      listening: takes states while the music is looked for, see
        `listening.Meter`.
      warn: takes each warning, a sentence, as soon as it is known.
      sound: `simulated`, `live` or `recorded`, for the facts.
    """
    self._channels, self._listener = channels, None
    self._warnings: list[str] = []
    self._say_warning, self._sound = warn, sound
    self._meter: listening_lib.Meter | None = None
    self._show = listening
    self._facts: dict[str, Any] = {"sound": sound}
    self._model, self._music, self._source = model, music, source
    self._settings, self._begin = settings, begin
    self._emit, self._tell = emit, tell
    self.figures = Figures()
    self._stopped = threading.Event()
    self._history: History | None = None
    self._keeper: Keeper | None = None
    self._flow: Flow | None = None
    self._end = 0  # samples of the stream so far
    self._wanted_s = 0.0  # of sound before the music is looked for
    self._reported_s = 0.0

  def stop(self) -> None:
    """Ends the stream soon; may be called from a signal handler."""
    self._stopped.set()

  def run(self, line: Line | None) -> None:
    """Runs until the sound or the music ends, or `stop`.

    Args:
      line: where the music lies; None listens for it first.

    Raises:
      InputError: sound that cannot be used, or that ends before the music was
        found.
    """
    settings = self._settings
    self._add_novelty(None)
    search = Search(
      self._music,
      settings.left,
      channel_order=settings.channel_order,
      maybe_simulated=self._model.simulated,
    )
    if line is None or settings.realign:
      self._history = History()
    if line is None:
      line = self._listen(search)
      if line is None:
        return  # stopped
    elif self._channels is None:
      self._listener = ChannelListener(
        self._music,
        line,
        left=settings.left,
        order=settings.channel_order,
        maybe_simulated=self._model.simulated,
        tell=self._warn,
      )
    else:
      self._warn(self._channels)
    if settings.realign:
      self._keeper = Keeper(search, line, self._end, self._tell)
    flow = self._open(line)
    while True:
      self._advance(flow)
      if flow.has_ended:
        self._tell("the music has ended")
        break
      if not self._take():
        break
    flow.flush()
    if self._listener is not None:
      self._listener.finish()

  def _warn(self, heard: SoundField, more: Sequence[str] = ()) -> None:
    """Tells what speaks against order and gains of the channels."""
    gains = sound_field.gains_warning(heard, self._model.ambisonic_format)
    found = [*heard.warnings, *more]
    if gains is not None:
      found.append(f"{gains} and --convert_format")
    self._tell_warnings(found)

  def _tell_warnings(self, found: Sequence[str]) -> None:
    """Tells warnings that were not told before."""
    for warning in dict.fromkeys(found):
      if warning not in self._warnings:
        self._tell(f"warning: {warning}")
        self._warnings.append(warning)
        self._say_warning(warning)

  def _add_novelty(self, found: Found | None) -> None:
    """Tells what the network has not met in its training.

    Args:
      found: where the music lies in what was heard; None before that, when the
        music alone is known.
    """
    heard = None
    if found is not None and found.line is not None:
      heard = self._heard_features(found.line)
    new = novelty.assess(
      self._model,
      self._music,
      heard,
      channels=None if found is None else found.channels,
    )
    self._facts |= new.to_dict()
    if found is not None:
      self._facts["match"] = found.confidence
      self._facts["loudspeakers"] = found.channels
    self._tell_warnings(new.warnings)

  def _heard_features(self, line: Line) -> np.ndarray | None:
    """Features of the newest seconds, by the programs that run anyway."""
    history = self._history
    spec = self._model.spec
    if history is None or self._settings.form is not None:
      return None
    features = LiveFeatures(spec.name, self._settings.hop_frames)
    size = features.unit_frames * FRAME_SAMPLES
    first = max(history.end - history.held, math.ceil(line.offset_samples))
    units = min(
      (history.end - first) // size, round(_LIKENESS_S * SAMPLE_RATE_HZ / size)
    )
    if units < 1:
      return None
    first = history.end - units * size
    sound = history.last(units * size)
    music = LiveMusic(self._music, line)
    found = [
      features.push(
        np.ascontiguousarray(sound[:, n * size : (n + 1) * size]),
        music.read(first + n * size, size),
      )
      for n in range(units)
    ]
    return np.concatenate(found)

  def _open(self, line: Line) -> Flow:
    """Sets up what needs to know where the music lies."""
    settings, source = self._settings, self._source
    held = 0 if self._history is None else self._history.held
    first = max(self._end - held, math.ceil(line.offset_samples))
    pair = expected_pair(self._music, line, source.samples, source.name)
    if source.samples is not None:
      pair.check(self._model.spec.window_frames)
    facts = predictor.facts([self._model], pair, settings.options)
    del facts["frames"]
    facts["channel_order"] = settings.channel_order
    facts |= self._facts
    facts["warnings"] = list(self._warnings)
    self._begin(facts, first)
    self._flow = Flow(
      make_parts(self._model, settings, pair),
      LiveMusic(self._music, line),
      first,
      settings,
      self.figures,
      emit=self._emit,
      tell=self._tell,
    )
    if self._history is not None and held:
      self._flow.add_unsaid(self._history.last(held), self._end)
    return self._flow

  def _advance(self, flow: Flow) -> None:
    """Goes as far as the sound that is there."""
    if self._keeper is None or self._history is None:
      while not self._stopped.is_set() and flow.step():
        pass
      return
    self._keeper.look(self._history)
    while not self._stopped.is_set() and flow.step():
      flow.music.line = self._keeper.keep(wait=self._source.is_patient)

  def _take(self) -> bool:
    """Takes the next sound, waiting for it; False at the end.

    Raises:
      InputError: sound that cannot be used.
    """
    begin_s, stalled = time.monotonic(), False
    while not self._stopped.is_set():
      try:
        piece = self._source.queue.take(_POLL_S)
      except EOFError:
        return False
      waited_s = time.monotonic() - begin_s
      if piece is None:
        if waited_s > _STALL_S and not stalled:
          stalled = True
          self._tell(f"no sound has come for {_STALL_S:g} s; waiting")
        continue
      self.figures.idle_s += waited_s
      if stalled:
        self._tell(f"sound again, after {waited_s:.1f} s")
      self._add(piece)
      return True
    return False

  def _add(self, piece: Piece) -> None:
    """Takes a piece, after silence for what was lost before it."""
    self.figures.lost_samples += piece.lost
    for low in range(0, piece.lost, _FILL_SAMPLES):
      count = min(_FILL_SAMPLES, piece.lost - low)
      self._add_samples(np.zeros((CHANNELS, count), np.float32), piece)
    self._add_samples(piece.samples, piece)
    if self.figures.sound_s - self._reported_s >= _REPORT_S:
      self._reported_s = self.figures.sound_s
      self._tell(self.figures.line())

  def _add_samples(self, samples: np.ndarray, piece: Piece) -> None:
    self._end += samples.shape[1]
    self.figures.sound_s = self._end / SAMPLE_RATE_HZ
    samples = ambisonics.in_order(samples, self._settings.channel_order, axis=0)
    if self._settings.gains is not None:
      samples = samples * self._settings.gains
    if self._history is not None:
      self._history.add(samples)
    if self._meter is not None:
      self._meter.add(samples, self.figures.sound_s, self._wanted_s)
    if self._listener is not None:
      self._listener.add(samples)
    if self._flow is not None:
      self._flow.add(samples, self._end, piece.arrived_s, piece.due_s)

  def _listen(self, search: Search) -> Line | None:
    """Waits for the music; None when stopped.

    Raises:
      InputError: the sound ended before.
    """
    history, self._wanted_s = self._history, self._settings.align_s
    assert history is not None
    self._meter = meter = listening_lib.Meter(self._show)
    self._tell(
      f"listening for {self._wanted_s:g} s to find the music; poses begin after"
      " that"
    )
    while self._take():
      if not search.is_running and self.figures.sound_s >= self._wanted_s:
        search.start(history.last(history.held), history.end, None)
      found = search.take(wait=self._source.is_patient)
      if found is None:
        continue
      if found.line is not None:
        self._meter = None
        self._tell(f"the music is found: {found.said}")
        if found.sound_field is not None:
          self._warn(found.sound_field, found.warnings)
        self._add_novelty(found)
        return found.line
      self._wanted_s = self.figures.sound_s + _AGAIN_S
      meter.match = f"not heard ({found.said})"
      self._tell(
        f"the music is not heard yet: {found.said}; next try in {_AGAIN_S:g} s"
      )
    if self._stopped.is_set():
      return None
    raise InputError(
      self._source.name,
      f"ended after {self.figures.sound_s:.1f} s, before the music was found",
      "give --offset_ms, or a longer recording of this music",
    )
