"""WAV files whose headers cannot be used, made here byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bgm2pose_jax.audio import audio_files
from bgm2pose_jax.base.errors import InputError

RATE_HZ = 48000
FRAMES = 700
UNKNOWN = 0xFFFFFFFF
# KSDATAFORMAT_SUBTYPE_PCM and _IEEE_FLOAT behind their first two bytes.
_GUID = bytes.fromhex("000000001000800000aa00389b71")


def _samples(channels: int = 4) -> np.ndarray:
  rng = np.random.default_rng(channels)
  return rng.uniform(-0.5, 0.5, (FRAMES, channels))


def _coded(samples: np.ndarray, bits: int, kind: int) -> bytes:
  if kind == 3:
    return samples.astype(f"<f{bits // 8}").tobytes()
  whole = np.round(samples * 2.0 ** (bits - 1)).astype("<i4")
  if bits == 24:
    return whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
  return whole.astype(f"<i{bits // 8}").tobytes()


def _format(channels: int, bits: int, kind: int, extensible: bool) -> bytes:
  block = channels * bits // 8
  tag = 0xFFFE if extensible else kind
  fields = struct.pack(
    "<HHIIHH", tag, channels, RATE_HZ, RATE_HZ * block, block, bits
  )
  if extensible:
    fields += struct.pack("<HHIH", 22, bits, 0, kind) + _GUID
  return fields


def _chunk(name: bytes, content: bytes, *, pad: bool = True) -> bytes:
  rest = b"\0" * (len(content) % 2) if pad else b""
  return name + struct.pack("<I", len(content)) + content + rest


def _wav(
  *,
  form: bytes = b"RIFF",
  bits: int = 24,
  kind: int = 1,
  extensible: bool = False,
  before: bytes = b"",
  claimed: int | None = None,
  long_claimed: int | None = None,
  after: bytes = b"",
) -> bytes:
  data = _coded(_samples(), bits, kind)
  claimed = len(data) if claimed is None else claimed
  chunks = _chunk(b"fmt ", _format(4, bits, kind, extensible)) + before
  chunks += b"data" + struct.pack("<I", claimed) + data + after
  if long_claimed is not None:
    sizes = struct.pack("<QQQI", len(chunks), long_claimed, FRAMES, 0)
    chunks = _chunk(b"ds64", sizes) + chunks
  return form + struct.pack("<I", UNKNOWN) + b"WAVE" + chunks


def _read(path: Path) -> np.ndarray:
  info = audio_files.read_header(path, 4, RATE_HZ)
  found = np.concatenate(list(audio_files.sample_blocks(path)))
  assert len(found) == info.frames
  return found


_BYTES = FRAMES * 12
WHOLE = {
  "BW64": _wav(form=b"BW64", claimed=UNKNOWN, long_claimed=_BYTES),
  "BW64 with ordinary lengths": _wav(form=b"BW64"),
  "BW64 with a description behind": _wav(
    form=b"BW64",
    claimed=UNKNOWN,
    long_claimed=_BYTES,
    after=_chunk(b"chna", b"1" * 40) + _chunk(b"axml", b"<a/>" * 500),
  ),
  "RF64": _wav(form=b"RF64", claimed=UNKNOWN, long_claimed=_BYTES),
  "16 bit": _wav(bits=16),
  "32 bit, extensible": _wav(bits=32, extensible=True),
  "float, extensible": _wav(bits=32, kind=3, extensible=True),
  "double": _wav(bits=64, kind=3),
  "odd chunk": _wav(before=_chunk(b"iXML", b"<a>")),
  "odd chunk without its zero": _wav(before=_chunk(b"iXML", b"<a>", pad=False)),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files_are_read_without_a_word(tmp_path, name):
  path = tmp_path / "r.wav"
  path.write_bytes(WHOLE[name])
  step = 2**-15 if "16" in name else 2**-23
  np.testing.assert_allclose(_read(path), _samples(), atol=step)
  assert audio_files.header_remark(path) is None


STOPPED = {
  "length 0": _wav(claimed=0),
  "no length": _wav(claimed=UNKNOWN),
  "16 bit": _wav(bits=16, claimed=0),
  "float, extensible": _wav(bits=32, kind=3, extensible=True, claimed=0),
  "RF64 with lengths of 0": _wav(form=b"RF64", claimed=UNKNOWN, long_claimed=0),
  "BW64 with a length of 0": _wav(form=b"BW64", claimed=0),
  "a note before": _wav(claimed=0, before=_chunk(b"bext", b"x" * 603)),
}


@pytest.mark.parametrize("name", STOPPED)
def test_samples_behind_no_length_are_read_and_told_of(tmp_path, name):
  path = tmp_path / "r.wav"
  path.write_bytes(STOPPED[name])
  step = 2**-15 if "16" in name else 2**-23
  np.testing.assert_allclose(_read(path), _samples(), atol=step)
  remark = audio_files.header_remark(path)
  assert remark is not None
  assert remark.startswith(str(path))
  assert "all of them are read" in remark
  # Cut within a sample, as a recorder that lost power leaves it.
  path.write_bytes(STOPPED[name][:-5])
  assert len(_read(path)) == FRAMES - 1


def test_more_samples_than_a_length_counts_are_told_of(tmp_path):
  path = tmp_path / "r.wav"
  # The header was last brought up to date long before the power went.
  path.write_bytes(_wav(claimed=1200, after=b"\x81\x03\xff" * 4 * RATE_HZ))
  assert len(_read(path)) == 100
  assert "are left out" in str(audio_files.header_remark(path))


@pytest.mark.parametrize(
  ("content", "found"),
  [
    (WHOLE["BW64"][:-1000], "1000 of 8400 bytes"),
    (_wav(form=b"BW64")[:-7], "7 of 8400 bytes"),
    (_wav()[:44], "truncated"),
    (_wav()[:30], "ends before its samples begin"),
    (WHOLE["BW64"][:70], "ends before its samples begin"),
  ],
  ids=["BW64", "BW64 plain", "header alone", "in the format", "before data"],
)
def test_truncated_files_are_refused(tmp_path, content, found):
  path = tmp_path / "r.wav"
  path.write_bytes(content)
  with pytest.raises(InputError, match=found):
    audio_files.read_header(path, None, None)


def test_a_file_of_chunks_alone_holds_no_samples(tmp_path):
  path = tmp_path / "r.wav"
  whole = _wav(claimed=0)
  start = whole.index(b"data") + 8
  path.write_bytes(whole[:start] + _chunk(b"LIST", b"INFO"))
  with pytest.raises(InputError, match="holds no samples"):
    audio_files.read_header(path, None, None)


def test_a_truncated_wave64_is_refused(tmp_path):
  path = tmp_path / "r.w64"
  soundfile.write(path, _samples(), RATE_HZ, "PCM_24", format="W64")
  np.testing.assert_allclose(_read(path), _samples(), atol=2**-23)
  path.write_bytes(path.read_bytes()[:-500])
  with pytest.raises(InputError, match="500 of 8400 bytes"):
    audio_files.read_header(path, None, None)


@pytest.mark.parametrize(
  ("channels", "words"),
  [(3, "without height"), (5, "first four"), (9, "first")],
)
def test_other_channel_counts_say_what_to_do(tmp_path, channels, words):
  path = tmp_path / "r.wav"
  soundfile.write(path, _samples(channels), RATE_HZ)
  with pytest.raises(InputError, match=words) as error:
    audio_files.read_header(path, 4, None)
  assert f"has {channels} channels" in str(error.value)
