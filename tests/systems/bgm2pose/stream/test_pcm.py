"""Bytes to samples: formats, headers, and what is no sound."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.stream.pcm import Decoder

_SOUND = np.random.default_rng(0).uniform(-0.9, 0.9, (4, 500)).astype("f4")


def _decoded(data: bytes, pcm: str, step: int) -> tuple[np.ndarray, Decoder]:
  decoder = Decoder(pcm, "--input=-")
  parts = [
    decoder.push(data[low : low + step]) for low in range(0, len(data), step)
  ]
  return np.concatenate(parts, axis=1), decoder


@pytest.mark.parametrize("step", [1, 7, 16, 5000])
def test_raw_samples_come_whole_however_the_bytes_are_cut(step):
  got, decoder = _decoded(_SOUND.T.astype("<f4").tobytes(), "f32le", step)
  np.testing.assert_array_equal(got, _SOUND)
  assert not decoder.rest
  whole = np.round(_SOUND.T * 2**15).astype("<i2")
  got, _ = _decoded(whole.tobytes(), "s16le", step)
  np.testing.assert_array_equal(got, whole.T / np.float32(2**15))


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
def test_a_wav_header_tells_the_format(subtype, container):
  file = io.BytesIO()
  soundfile.write(file, _SOUND.T, 48000, subtype=subtype, format=container)
  want, _ = soundfile.read(io.BytesIO(file.getvalue()), dtype="float32")
  got, decoder = _decoded(file.getvalue(), "s16le", 13)
  np.testing.assert_array_equal(got, want.T)
  assert decoder.ended


def test_a_header_without_a_length_goes_on_to_the_end():
  file = io.BytesIO()
  soundfile.write(file, _SOUND.T, 48000, subtype="PCM_16", format="WAV")
  data = bytearray(file.getvalue())
  place = data.index(b"data")
  data[place + 4 : place + 8] = struct.pack("<I", 0xFFFFFFFF)
  got, decoder = _decoded(bytes(data) + data[place + 8 :], "f32le", 64)
  assert got.shape == (4, 1000)
  assert not decoder.ended


def test_half_a_sample_is_told_of():
  _, decoder = _decoded(_SOUND.T.tobytes() + b"12345", "f32le", 100)
  assert decoder.rest == 5


@pytest.mark.parametrize("value", [np.nan, np.inf, -101.0, 1e30])
def test_what_cannot_be_sound_is_refused(value):
  decoder = Decoder("f32le", "--input=-")
  decoder.push(_SOUND.T.tobytes())
  wrong = _SOUND.copy()
  wrong[2, 7] = value
  with pytest.raises(InputError, match="are no f32le any more"):
    decoder.push(wrong.T.tobytes())


def test_a_lost_byte_is_noticed():
  data = _SOUND.T.tobytes()
  with pytest.raises(InputError, match="any more"):
    _decoded(data[:400] + data[401:], "f32le", 100)


@pytest.mark.parametrize(
  ("channels", "rate_hz", "subtype", "found"),
  [
    (2, 48000, "PCM_16", "2 channels"),
    (4, 44100, "PCM_16", "44100 Hz"),
    (4, 48000, "DOUBLE", "64 bits"),
  ],
)
def test_a_header_of_other_sound_is_refused(channels, rate_hz, subtype, found):
  file = io.BytesIO()
  soundfile.write(
    file, np.zeros((9, channels)), rate_hz, subtype=subtype, format="WAV"
  )
  with pytest.raises(InputError, match=found):
    _decoded(file.getvalue(), "f32le", 4096)


@pytest.mark.parametrize(
  ("data", "found"),
  [
    (b"RIFF\0\0\0\0AVI LIST", "no WAV"),
    (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "without format"),
    (b"RIFF\0\0\0\0WAVEfmt \4\0\0\0abcddata\0\0\0\0", "broken"),
    (b"RIFF\0\0\0\0WAVELIST\xff\xff\xff\x7f" + bytes(8), "without end"),
  ],
)
def test_a_broken_header_is_refused(data, found):
  with pytest.raises(InputError, match=found):
    _decoded(data, "f32le", 4096)


@pytest.mark.parametrize("form", [b"RF64", b"BW64"])
def test_long_forms_are_read_from_a_pipe(form):
  samples = np.arange(40, dtype="<f4").reshape(10, 4) / 64
  data = samples.tobytes()
  head = struct.pack("<HHIIHH", 3, 4, 48000, 48000 * 16, 16, 32)
  start = (
    form
    + b"\xff\xff\xff\xffWAVEds64"
    + struct.pack("<IQQQI", 28, 0, len(data), 10, 0)
    + b"fmt "
    + struct.pack("<I", len(head))
    + head
    + b"data\xff\xff\xff\xff"
  )
  whole = start + data + b"axml\x04\0\0\0<a/>"
  for cut in (7, 20, 40, 70, len(whole)):
    decoder = Decoder("s16le", "pipe")
    found = [decoder.push(whole[:cut]), decoder.push(whole[cut:])]
    np.testing.assert_array_equal(np.concatenate(found, axis=1), samples.T)
    assert decoder.ended
