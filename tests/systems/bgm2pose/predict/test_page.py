from __future__ import annotations

import base64
import html.parser
import json
import re
import struct
import zlib

import numpy as np
import pytest
from track_fixture import make_maps, make_track

from bgm2pose_jax.audio import mel
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.predict import page, tracks

EVIL = "</script><img src=x onerror=alert(1)><!--css-->\"'"


class Reader(html.parser.HTMLParser):
  """Collects elements with their attributes, and the texts of scripts."""

  def __init__(self):
    super().__init__()
    self.tags, self.attributes, self.scripts = [], [], []

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    self.attributes += attrs

  def handle_data(self, data):
    if self.tags[-1:] == ["script"]:
      self.scripts.append(data)


def write(tmp_path, track=None, **changes):
  path = tmp_path / "prediction.html"
  track = make_track() if track is None else track
  heard, weights = make_maps(len(track))
  arguments = {"spectrogram": heard, "attention": weights, "title": "a.wav"}
  page.write_page(path, track, **{**arguments, **changes})
  return path


def read(path):
  reader = Reader()
  reader.feed(path.read_text("utf-8"))
  return reader


def test_page_is_one_file_that_loads_nothing_and_escapes_names(tmp_path):
  track = make_track(facts={EVIL: {"x": EVIL, "list": [EVIL]}})
  path = write(tmp_path, track, title=EVIL, facts=[(EVIL, EVIL)])
  reader = read(path)
  assert "img" not in reader.tags
  assert reader.tags.count("script") == 2
  assert reader.tags.count("style") == 1
  for name, value in reader.attributes:
    assert not name.startswith("on")
    if name in ("src", "href"):
      assert value == "data:," or value.startswith("#")
  text = path.read_text("utf-8")
  assert "default-src 'none'" in text
  assert not re.search(r"https?://", text)
  assert "@import" not in text
  assert "url(" not in text
  assert [p.name for p in tmp_path.iterdir()] == ["prediction.html"]


def test_embedded_poses_and_spread_decode_to_the_track(tmp_path):
  track = make_track()
  data = json.loads(read(write(tmp_path, track)).scripts[0])
  for name, wanted in (("pred", track.pose), ("target", track.target)):
    whole = np.frombuffer(base64.b64decode(data[name]), "<i2")
    got = whole.reshape(-1, 21, 3) * data["unit"]
    wanted_cm = wanted * track.unit_cm
    np.testing.assert_allclose(got, wanted_cm, atol=data["unit"])
  whole = np.frombuffer(base64.b64decode(data["spread"]), "u1")
  np.testing.assert_allclose(
    whole.reshape(-1, 21) * data["spread_unit"],
    track.spread * track.unit_cm,
    atol=0.1,
  )
  assert data["clips"][0]["first_s"] == track.first_s
  assert data["rate_hz"] == 20


def test_long_track_is_cut_and_the_page_says_so(tmp_path):
  path = write(tmp_path, make_track(5000), max_frames=4500)
  data = json.loads(read(path).scripts[0])
  assert len(base64.b64decode(data["pred"])) == 4500 * 63 * 2
  assert data["timeline"]["per_column"] == 2
  for line in data["timeline"]["lines"]:
    assert {len(values) for _, _, values in line["curves"]} == {2250}
  text = path.read_text("utf-8")
  assert "first 4,500 of 5,000 poses (3.8 of 4.2 minutes)" in text
  assert "poses.npz has all" in text
  # 4/3 x (two of 126 bytes and 21) a frame, and at most 6 bits a pixel of
  # each image, and room for the rest.
  bound = 4500 * 364 + 2 * 2250 * 128 + 200_000
  assert path.stat().st_size < bound


def test_kind_of_training_is_said_large(tmp_path):
  text = write(tmp_path).read_text("utf-8")
  assert 'class="banner"><b>TRAINED ON SIMULATED DATA' in text
  real = write(tmp_path, make_track(simulated=False))
  text = real.read_text("utf-8")
  assert "<b>TRAINED ON RECORDED DATA" in text
  assert "from a simulator" not in text
  assert json.loads(read(real).scripts[0])["simulated"] is False


def test_one_model_without_truth_or_maps_gets_a_page(tmp_path):
  track = make_track(1, truth=False, spread=False, facts={})
  path = write(tmp_path, track, spectrogram=None, attention=None)
  data = json.loads(read(path).scripts[0])
  assert data["target"] == data["spread"] == ""
  assert data["timeline"]["images"] == []
  assert len(data["timeline"]["lines"]) == 1
  assert (
    "spread" not in re.search("<h1>.*?</header>", path.read_text(), re.S)[0]
  )


def test_same_input_gives_the_same_bytes(tmp_path):
  first = write(tmp_path).read_bytes()
  assert write(tmp_path).read_bytes() == first


def _with(value, shape=(80, 128)):
  values = np.ones(shape, np.float32)
  values[3, 5] = value
  return values


@pytest.mark.parametrize(
  ("changes", "said"),
  [
    ({"spectrogram": _with(np.nan)}, "spectrogram: is not finite"),
    ({"attention": _with(np.inf)}, "attention: is not finite"),
    ({"attention": _with(-0.1)}, "attention: has negative weights"),
    ({"attention": np.ones((79, 128))}, r"shape \(79, 128\); give \[frames=80"),
    ({"spectrogram": np.ones(80)}, r"shape \(80,\)"),
  ],
)
def test_arrays_that_cannot_be_are_refused(tmp_path, changes, said):
  with pytest.raises(InputError, match=said):
    write(tmp_path, **changes)
  assert list(tmp_path.iterdir()) == []


def test_a_pose_that_became_nan_is_refused(tmp_path):
  track = make_track()
  track.pose[7, 2, 1] = np.nan
  with pytest.raises(InputError, match="pose: is not finite"):
    write(tmp_path, track)


def _pixels(uri):
  """Rows of palette indices of one of our images."""
  content = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
  wide, high = struct.unpack(">II", content[16:24])
  at = content.index(b"IDAT")
  (size,) = struct.unpack(">I", content[at - 4 : at])
  rows = np.frombuffer(
    zlib.decompress(content[at + 4 : at + 4 + size]), np.uint8
  ).reshape(high, 1 + wide)
  steps = rows[:, :1] == 1
  return np.where(steps, np.cumsum(rows[:, 1:], axis=1), rows[:, 1:]) % 256


def test_a_tone_lies_in_the_row_that_its_frequency_names():
  track = make_track()
  heard = np.full((80, 128), -90.0)
  edges_hz = mel.mel_to_hz(np.linspace(0, mel.hz_to_mel(24000), 130))
  band = int(np.abs(edges_hz[1:-1] - 4000).argmin())
  heard[:, band] = -10
  drawn = tracks.pictures(track, 80, heard, None)[0]
  rows = _pixels(drawn["uri"])
  assert rows.shape == (128, 80)
  assert (rows.argmax(axis=0) == 127 - band).all()
  (tick,) = [at for at, text in drawn["ticks"] if text == "4 kHz"]
  assert abs(tick - band) <= 0.5
  assert (drawn["low_text"], drawn["high_text"]) == ("-80", "-10")


def test_attention_is_drawn_against_an_even_share():
  track = make_track()
  even = np.full((80, 128), 3e-9)
  even[:, 20] *= 4
  drawn = tracks.pictures(track, 80, None, even)[0]
  rows = _pixels(drawn["uri"])
  assert (rows.argmax(axis=0) == 127 - 20).all()
  assert len(np.unique(rows)) == 2


def test_lines_hold_the_figures_of_the_track():
  track = make_track(30)
  lines = tracks.lines(track, 30)
  spread, speed = (line["curves"][-1][2] for line in lines)
  np.testing.assert_allclose(spread, track.spread.mean(axis=1), rtol=0.01)
  fastest = np.abs(np.diff(track.pose[:, 0, 0])).max() * 20
  assert max(speed) == pytest.approx(fastest, rel=0.01)
  assert [line["top"] for line in lines] == [1, 20]


@pytest.mark.parametrize("frames", [1, 6, 7])
def test_means_take_every_frame_once(frames):
  values = np.arange(2 * frames, dtype=float).reshape(frames, 2)
  got = tracks.means(values, 3)
  wanted = [values[k : k + 3].mean(axis=0) for k in range(0, frames, 3)]
  np.testing.assert_allclose(got, wanted)
