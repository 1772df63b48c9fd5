from __future__ import annotations

import json
import resource

import jax.numpy as jnp
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import json_lines


def run(path, steps, start=0):
  """Writes a line every step from a 'restored' step on."""
  with json_lines.JsonLines(path, process_index=0) as log:
    log.truncate_after_step(start)
    for step in range(start + 1, steps + 1):
      log.write({"step": step, "loss": np.float32(1 / step)})


def test_killed_and_resumed_file_ends_with_the_same_bytes(tmp_path):
  whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
  run(whole, 9)
  run(killed, 7)
  with killed.open("ab") as file:
    file.write(b'{"step": 8, "lo')
  run(killed, 9, start=4)
  assert killed.read_bytes() == whole.read_bytes()
  assert len(json_lines.read_jsonl(whole)) == 9


def test_opening_cuts_only_the_torn_line(tmp_path):
  path = tmp_path / "timing.jsonl"
  run(path, 3)
  kept = path.read_bytes()
  path.write_bytes(kept + b"\x00\x00\x00\n")
  assert len(json_lines.read_jsonl(path)) == 3
  log = json_lines.JsonLines(path, process_index=0)
  assert path.read_bytes() == kept
  log.write({"event": "start"})
  assert log.read()[-1] == {"event": "start"}
  log.close()
  log.write({"event": "late"})
  assert len(json_lines.read_jsonl(path)) == 4


def test_damage_before_the_last_line_is_named(tmp_path):
  path = tmp_path / "metrics.jsonl"
  path.write_text('{"step": 1}\nnonsense\n{"step": 2}\n')
  with pytest.raises(InputError, match=r"metrics\.jsonl: line 2"):
    json_lines.JsonLines(path, process_index=0)


def test_values_of_every_kind_become_json(tmp_path):
  path = tmp_path / "deep" / "metrics.jsonl"
  line = {
    "step": jnp.int32(3),
    "loss": jnp.float32(0.1),
    "half": jnp.bfloat16(0.5),
    "double": np.float64(0.1),
    "bad": float("nan"),
    "worse": np.float32(-np.inf),
    "flag": np.bool_(True),
    "text": "a",
    "none": None,
    "norms": {"stem": np.float32(2.5)},
    "pair": np.arange(2),
  }
  with json_lines.JsonLines(path, process_index=0) as log:
    log.write(line)
    log.sync()
  assert json.loads(path.read_text()) == {
    "step": 3,
    "loss": 0.1,
    "half": 0.5,
    "double": 0.1,
    "bad": "nan",
    "worse": "-inf",
    "flag": True,
    "text": "a",
    "none": None,
    "norms": {"stem": 2.5},
    "pair": [0, 1],
  }


def test_other_hosts_write_nothing(tmp_path):
  path = tmp_path / "metrics.jsonl"
  with json_lines.JsonLines(path, process_index=1) as log:
    log.write({"step": 1})
    log.truncate_after_step(0)
    assert log.read() == []
  assert not path.exists()


def test_process_index_defaults_to_that_of_jax(tmp_path):
  with json_lines.JsonLines(tmp_path / "metrics.jsonl") as log:
    log.write({"step": 1})
  assert json_lines.read_jsonl(log.path) == [{"step": 1}]


def test_a_full_disk_is_named_and_the_torn_line_goes(tmp_path):
  path = tmp_path / "metrics.jsonl"
  run(path, 20)
  whole = path.read_bytes()
  path.unlink()
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  # The kernel ends a write past the limit as it does on a full disk.
  resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) // 2, limits[1]))
  try:
    with pytest.raises(InputError, match=r"metrics\.jsonl: cannot be written"):
      run(path, 20)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert len(path.read_bytes()) == len(whole) // 2
  done = len(json_lines.read_jsonl(path))
  assert 0 < done < 20
  run(path, 20, start=done)
  assert path.read_bytes() == whole
