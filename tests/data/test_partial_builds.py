"""A part gives back the same windows, or it is not used."""

from __future__ import annotations

import random

import numpy as np
import pytest

from bgm2pose_jax.data import partial_builds as parts_lib
from bgm2pose_jax.data.partial_builds import Parts


def windows(count: int = 3):
  rng = np.random.default_rng(count)
  for at in range(count):
    yield {
      "features": rng.standard_normal((2, 4, 3)).astype("f4"),
      "pose": rng.standard_normal((2, 5, 3)).astype("f4"),
      "subject": "0",
      "label": "wave ä \u2028" if at else "",
      "window_index": at,
      "valid": bool(at),
    }


class Made:
  """Makes windows and counts how often."""

  def __init__(self):
    self.times = 0

  def __call__(self):
    self.times += 1
    return windows()


def same(got, wanted) -> None:
  assert len(got) == len(wanted)
  for one, other in zip(got, wanted):
    assert one.keys() == other.keys()
    for name, value in other.items():
      assert type(one[name]) is type(value)
      np.testing.assert_array_equal(one[name], value)


def test_second_time_nothing_is_made(tmp_path):
  kept, make, seen = Parts(tmp_path / "p", "f"), Made(), []
  first = list(kept.examples("a", make, seen.append))
  second = list(kept.examples("a", make, seen.append))
  same(first, list(windows()))
  same(second, first)
  assert (make.times, seen) == (1, [3])
  assert [p.name for p in (tmp_path / "p").iterdir()] == [kept.path("a").name]


def test_a_part_belongs_to_one_recording_of_one_source(tmp_path):
  kept, make = Parts(tmp_path, "f"), Made()
  list(kept.examples("a", make))
  other = Parts(tmp_path, "g")
  same(list(other.examples("a", make)), list(windows()))
  assert make.times == 2
  # Under another recording's name as well.
  kept.path("a").rename(kept.path("b"))
  list(kept.examples("b", make))
  assert make.times == 3


def test_any_change_is_found(tmp_path):
  kept, make = Parts(tmp_path, "f"), Made()
  wanted = list(kept.examples("a", make))
  path, draw = kept.path("a"), random.Random(0)
  whole = path.read_bytes()
  changes = [whole[:n] for n in range(0, len(whole), 17)] + [whole + b"\0"]
  for at in [*range(0, len(whole), 5), *range(len(whole) - 60, len(whole))]:
    changed = bytearray(whole)
    changed[at] ^= 1 << draw.randrange(8)
    changes.append(bytes(changed))
  for number, changed in enumerate(changes, 2):
    path.write_bytes(changed)
    same(list(kept.examples("a", make)), wanted)
    assert make.times == number
    assert path.read_bytes() == whole


def test_what_was_not_finished_is_no_part(tmp_path):
  kept, make = Parts(tmp_path, "f"), Made()
  begun = kept.examples("a", make)
  next(begun)
  begun.close()

  def broken():
    yield next(windows())
    raise RuntimeError("killed")

  with pytest.raises(RuntimeError):
    list(kept.examples("a", broken))
  assert list(tmp_path.iterdir()) == []
  list(kept.examples("a", make))
  assert make.times == 2


def test_sweep_takes_what_nobody_needs(tmp_path):
  for track in ("haze", "swing"):
    kept = parts_lib.of_section(tmp_path, track, "f")
    list(kept.examples("a", windows))
    # What a killed process of this machine leaves.
    dead = kept.folder / ".a.incomplete-other.host-1-aa"
    dead.write_text("x")
  (tmp_path / "swing").mkdir()
  parts_lib.sweep(tmp_path)
  assert not (tmp_path / ".swing.parts").exists()
  # Another machine's may be in use.
  assert len(list((tmp_path / ".haze.parts").iterdir())) == 2
  parts_lib.sweep(tmp_path / "missing")
