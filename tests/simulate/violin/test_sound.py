"""Sound against the bow and the fingers it is made from.

Pitch and onsets are measured by librosa and a Fourier transform, which share
no code with the synthesis.
"""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from scipy import signal

from bgm2pose_jax.simulate.violin import performance, sound, strings

RATE_HZ = performance.SAMPLE_RATE_HZ
SUSTAINED = (
  "detache",
  "legato",
  "martele",
  "scales",
  "arpeggios",
  "vibrato",
  "bow_weight",
  "dotted",
  "melody",
)
PLAYERS = ("P01", "P02", "P03")


def envelope(take: performance.Performance) -> np.ndarray:
  """Root mean square in windows of 40 ms, one every 10 ms."""
  square = take.sound.astype(float) ** 2
  blocks = square[: len(square) // 441 * 441].reshape(-1, 441).mean(-1)
  return np.sqrt(np.convolve(blocks, np.ones(4) / 4, "same"))


def bow_speed(take: performance.Performance, count: int) -> np.ndarray:
  """|speed| of the pressed bow at the middle of each 10 ms."""
  b = take.bowing
  speed = np.abs(b.speed_m_s) * (b.force_n > 0)
  at = (np.arange(count) + 0.5) * 0.01
  return np.interp(at, np.arange(len(speed)) / 450, speed)


def turns_s(take: performance.Performance) -> np.ndarray:
  """Times at which the bow turns on the string."""
  s = take.score
  way = np.sign(s.to_m - s.from_m)
  turn = s.sounds[:-1] & s.sounds[1:] & (way[:-1] * way[1:] < 0)
  times = s.end_s[:-1][turn]
  return times[(times > 0.5) & (times < s.duration_s - 0.5)]


def fine_onsets(take: performance.Performance) -> np.ndarray:
  """librosa's onset envelope every 5 ms, over its mean."""
  heard = signal.resample_poly(take.sound, 256, 441).astype(np.float32)
  found = librosa.onset.onset_strength(
    y=heard, sr=25600, hop_length=128, n_fft=512, n_mels=40
  )
  return found / found.mean()


def near(times_s: np.ndarray, peaks_s: np.ndarray) -> float:
  """Share of times with a peak within 40 ms."""
  return float(np.mean([np.abs(peaks_s - t).min() <= 0.040 for t in times_s]))


@pytest.mark.parametrize("technique", SUSTAINED)
def test_the_envelope_follows_the_bow_s_speed(technique, played):
  found = []
  for player in PLAYERS:
    take = played(technique, player)
    loud = envelope(take)
    speed = bow_speed(take, len(loud))
    found.append(np.corrcoef(loud, speed)[0, 1])
    # Of another time, it does not.
    assert np.corrcoef(np.roll(loud, 333), speed)[0, 1] < 0.5
  assert np.mean(found) > 0.8
  assert min(found) > 0.7


@pytest.mark.parametrize(
  "technique", ["staccato", "spiccato", "sautille", "tremolo"]
)
def test_short_strokes_ring_on_but_still_follow(technique, played):
  take = played(technique)
  loud = envelope(take)
  assert np.corrcoef(loud, bow_speed(take, len(loud)))[0, 1] > 0.55


@pytest.mark.parametrize(
  "technique", ["detache", "legato", "martele", "scales", "dotted", "melody"]
)
def test_a_turn_of_the_bow_is_an_onset_within_40_ms(technique, played):
  hits, chance, around = [], [], []
  for player in PLAYERS:
    take = played(technique, player)
    onsets = fine_onsets(take)
    tops = signal.find_peaks(onsets, 1 + 0.5 * onsets.std(), distance=5)[0]
    turns = turns_s(take)
    hits += [near(np.array([t]), tops * 0.005) for t in turns]
    anywhere = np.random.default_rng(0).uniform(0.5, 19.5, 300)
    chance.append(near(anywhere, tops * 0.005))
    around += [
      onsets[k - 40 : k + 41] for k in np.round(turns * 200).astype(int)
    ]
  assert len(hits) > 15
  assert np.mean(hits) > 0.85
  assert np.mean(hits) > np.mean(chance) + 0.25
  typical = np.mean(around, axis=0)
  assert 0 <= (np.argmax(typical) - 40) * 5 <= 40
  assert typical.max() > 2


def test_the_hair_bites_where_the_bow_turns(played):
  take = played("detache", seconds=60.0)
  noise = take.strings.noise
  s = take.score
  turns = turns_s(take)
  at = [noise[round(t * 450) - 2 : round(t * 450) + 10].max() for t in turns]
  long = s.sounds & (s.end_s - s.start_s > 0.3) & (s.end_s < 60)
  middle = noise[np.round((s.start_s + s.end_s)[long] * 225).astype(int)]
  assert np.median(at) > 1.5 * np.median(middle)


def long_notes(take: performance.Performance):
  """(start, end, frequency) of notes that one stroke holds for 0.3 s."""
  s = take.score
  ends = np.append(s.note_start_s[1:], s.duration_s)
  for k, (start, end) in enumerate(zip(s.note_start_s, ends, strict=True)):
    stroke = np.searchsorted(s.start_s, start, "right") - 1
    end = min(end, s.end_s[stroke], s.duration_s)
    if s.sounds[stroke] and end - start > 0.3:
      open_string = (-14, -7, 0, 7)[s.string[k]]
      midi = open_string + s.semitones[k]
      yield start, end, 442 * 2 ** (midi / 12)


def peak_hz(samples: np.ndarray, near_hz: float) -> float:
  """The spectral peak within a whole tone, by a parabola through its top."""
  size = 2**19
  window = np.hanning(len(samples))
  spectrum = np.log(np.abs(np.fft.rfft(samples * window, size)) + 1e-9)
  low, high = (round(near_hz * r * size / RATE_HZ) for r in (0.89, 1.12))
  top = low + int(np.argmax(spectrum[low:high]))
  a, b, c = spectrum[top - 1 : top + 2]
  return (top + 0.5 * (a - c) / (a - 2 * b + c)) * RATE_HZ / size


@pytest.mark.parametrize("technique", ["scales", "detache", "bow_weight"])
def test_pitch_is_the_finger_s_within_5_cents(technique, played):
  errors = []
  for player in PLAYERS:
    take = played(technique, player)
    for start, end, fingered in long_notes(take):
      low, high = (round(t * RATE_HZ) for t in (start + 0.08, end - 0.05))
      found = peak_hz(take.sound[low:high], fingered)
      errors.append(1200 * np.log2(found / fingered))
  assert len(errors) > 25
  assert np.max(np.abs(errors)) < 5


def test_octaves_are_right_too(played):
  take = played("bow_weight")
  hz = librosa.yin(
    take.sound,
    fmin=150,
    fmax=900,
    sr=RATE_HZ,
    frame_length=4096,
    hop_length=882,
  )
  b = take.bowing
  pick = np.minimum(np.arange(len(hz)) * 9, len(b.hair_m) - 1)
  fingered = b.frequency_hz[pick, b.string[pick]]
  clear = (np.abs(b.speed_m_s[pick]) > 0.1) & (b.force_n[pick] > 0)
  assert clear.sum() > 200
  cents = 1200 * np.log2(hz[clear] / fingered[clear])
  assert np.mean(np.abs(cents) < 20) > 0.9


def test_more_force_is_brighter(played):
  take = played("bow_weight", seconds=60.0)
  s = take.score
  rows = []
  for k in np.flatnonzero(s.sounds & (s.end_s < 59)):
    if not 0.15 < s.press[k] < 0.85:
      continue
    middle = (s.start_s[k] + s.end_s[k]) / 2
    at = round(middle * RATE_HZ)
    power = np.abs(np.fft.rfft(take.sound[at : at + 4096])) ** 2
    hz = np.fft.rfftfreq(4096, 1 / RATE_HZ)
    centre = np.log(np.sum(power * hz) / power.sum())
    string = take.bowing.string[round(middle * 450)]
    rows.append((string, s.press[k], centre))
  strings_, press, centre = np.array(rows).T
  for string in range(4):  # a higher string is brighter by itself
    mine = strings_ == string
    press[mine] -= press[mine].mean()
    centre[mine] -= centre[mine].mean()
  assert np.corrcoef(press, centre)[0, 1] > 0.4


def test_the_closed_form_is_the_sum_of_harmonics():
  steps = 91
  full = np.ones((steps, 4))
  amplitude = np.zeros((steps, 4))
  amplitude[:, 2] = 1.0
  state = strings.StringState(
    frequency_hz=441.0 * full,
    amplitude=amplitude,
    brightness_hz=2000.0 * full,
    regular=np.ones(steps),
    noise=np.zeros(steps),
  )
  t = np.arange(90 * 98) / 44100
  r = np.exp(-441 / 2000)
  expected = sum(
    r**k / k * np.sin(2 * np.pi * 441 * k * t) for k in range(1, 120)
  )
  np.testing.assert_allclose(strings.string_sound(state), expected, atol=2e-4)


def test_a_lifted_bow_is_soon_silent(played):
  take = played("detache", seconds=60.0)
  s = take.score
  loud = envelope(take)
  lifted = ~s.sounds & (s.lift_m > 0) & (s.end_s - s.start_s > 0.6)
  lifted &= (s.start_s > 1) & (s.end_s < 59)
  assert lifted.any()
  for start, end in zip(s.start_s[lifted], s.end_s[lifted], strict=True):
    late = loud[round((end - 0.12) * 100) : round((end - 0.04) * 100)]
    before = loud[round((start - 0.4) * 100) : round(start * 100)]
    assert late.mean() < 0.35 * before.max()


def test_peaking_filters_have_their_gain():
  bands = ((500.0, 5.0, 6.0), (2000.0, 2.0, -4.0))
  for band in bands:
    sections = sound.peak_sections((band,), RATE_HZ)
    w = 2 * np.pi * band[0] / RATE_HZ
    _, h = signal.sosfreqz(sections, worN=[w])
    assert 20 * np.log10(abs(np.asarray(h)[0])) == pytest.approx(
      band[2], abs=1e-9
    )
  _, flat = signal.sosfreqz(sound.peak_sections(bands, RATE_HZ), worN=[0.0])
  assert abs(np.asarray(flat)[0]) == pytest.approx(1.0)


def test_violins_and_rooms_differ(played):
  a, b = (sound._room_response(k) for k in (1, 2))
  assert a[0] == b[0] == 1.0
  assert np.abs(a[1:9999] - b[1:9999]).max() > 0.01
  # The reverberation is well below the direct sound.
  for response in (a, b):
    assert np.sum(response[200:] ** 2) < 1.0


def test_noise_is_low_and_there(played):
  take = played("detache")
  assert np.abs(take.sound).max() == pytest.approx(0.7, abs=0.01)
  assert len(take.sound) == len(take.stage.pose_m) * 882
  quiet = np.sort(envelope(take))[:20].mean()
  assert 1e-4 < quiet < 0.02


def test_the_same_seed_is_the_same_sound(played):
  one = played("spiccato", "P02", 4, 3.0)
  again = performance.perform(one.player, "spiccato", 3.0, 4)
  np.testing.assert_array_equal(one.sound, again.sound)
  np.testing.assert_array_equal(one.stage.pose_m, again.stage.pose_m)
