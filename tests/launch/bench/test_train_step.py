from __future__ import annotations

import json
import textwrap

import pytest
import script_runs

# Without attention and heads there is little to compile.
TINY = (
  "--preset=demo",
  "--width=0.03125",
  "--set=network.stem_pool=16",
  "--set=network.contrastive=false",
  "--set=network.frequency_attention=false",
  "--batch=4",
  "--steps=2",
)
TWIN = """
import torch


class BGM2Pose(torch.nn.Module):
  def __init__(self, width, extra=0):
    super().__init__()
    self.layer = torch.nn.Linear(9 * 128, 63)
    self.extra = torch.nn.Linear(extra, 1)

  def forward(self, x, pose):
    return self.layer(x.transpose(1, 2).flatten(2))


def loss_fn(model, feats, pose):
  print("printing does no harm")
  return (model(feats, pose) - pose).square().mean()
"""


@pytest.mark.slow
def test_rows_and_figures_without_readers_or_torch(tmp_path):
  done = script_runs.run(
    "launch.bench.train_step",
    *TINY,
    "--rounds=2",
    f"--json={tmp_path / 'rows.json'}",
    blocked=(*script_runs.BLOCKED, "torch"),
  )
  assert done.returncode == 0, done.stderr
  (row,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
  assert (row["what"], row["width"], row["batch"]) == (
    "bgm2pose_jax float32",
    0.03125,
    4,
  )
  assert len(row["ms_rounds"]) == 2
  assert row["windows_per_s"] == pytest.approx(4e3 / row["ms"])
  assert row["gflop_per_s"] == pytest.approx(row["gflop"] / row["ms"] * 1e3)
  share = row["gflop_per_s"] / row["ceiling_gflop_per_s"]
  assert row["ceiling_share"] == pytest.approx(share)
  floor_ms = 1e3 * row["run_gflop"] / row["ceiling_gflop_per_s"]
  assert row["floor_ms"] == pytest.approx(floor_ms)
  # Element-wise work, which only XLA counts, is much of so small a step.
  assert 0.4 * row["xla_gflop"] < row["gflop"] < 1.2 * row["xla_gflop"]
  table = [line for line in done.stdout.splitlines() if "bgm2pose_jax" in line]
  assert len(table) == 1


def test_a_missing_twin_is_one_line_and_code_2(tmp_path):
  done = script_runs.run(
    "launch.bench.train_step", *TINY, f"--torch_peer={tmp_path / 'none.py'}"
  )
  assert done.returncode == 2
  assert done.stderr.splitlines()[-1].startswith("error: --torch_peer=")
  assert "no such file" in done.stderr
  assert "Traceback" not in done.stderr


def test_torch_absent_names_what_to_install(tmp_path):
  (tmp_path / "twin.py").write_text(TWIN)
  done = script_runs.run(
    "launch.bench.train_step",
    *TINY,
    f"--torch_peer={tmp_path / 'twin.py'}",
    blocked=(*script_runs.BLOCKED, "torch"),
  )
  assert done.returncode == 2
  assert "pip install torch" in done.stderr


def test_an_unknown_variant_is_refused(tmp_path):
  pytest.importorskip("torch")
  (tmp_path / "twin.py").write_text(TWIN)
  done = script_runs.run(
    "launch.bench.train_step",
    *TINY,
    f"--torch_peer={tmp_path / 'twin.py'}",
    "--torch_variants=eager,fast",
  )
  assert done.returncode == 2
  assert "--torch_variants=fast: unknown" in done.stderr


@pytest.mark.slow
def test_every_variant_that_runs_is_beside_both_of_ours(tmp_path):
  pytest.importorskip("torch")
  # Fails once channels_last is asked for, as a twin may.
  text = TWIN + textwrap.dedent("""
    def _refuse(self, *arguments, **fields):
      if "memory_format" in fields:
        raise ValueError("not in this format")
      return torch.nn.Module.to(self, *arguments, **fields)

    BGM2Pose.to = _refuse
  """)
  (tmp_path / "twin.py").write_text(text)
  done = script_runs.run(
    "launch.bench.train_step",
    *TINY,
    "--rounds=2",
    "--compute_dtype=float32,bfloat16",
    f"--torch_peer={tmp_path / 'twin.py'}",
    "--torch_variants=eager,channels_last,bfloat16",
    f"--json={tmp_path / 'rows.json'}",
  )
  assert done.returncode == 0, done.stderr
  assert "left out: --torch_peer: torch eager channels_last" in done.stdout
  rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
  peers = ["torch eager", "torch eager bfloat16"]
  assert [row["what"] for row in rows] == [
    "bgm2pose_jax float32",
    "bgm2pose_jax bfloat16",
    *peers,
  ]
  plain = rows[2]
  for row in rows[:2]:
    assert list(row["ratios"]) == peers
    expected = [p / o for o, p in zip(row["ms_rounds"], plain["ms_rounds"])]
    assert row["ratios"]["torch eager"]["rounds"] == pytest.approx(expected)
  said = [line for line in done.stdout.splitlines() if "the best twin" in line]
  assert len(said) == 2
  best = max(rows[2:], key=lambda row: row["windows_per_s"])["what"]
  assert all(f"({best};" in line for line in said)


def test_a_twin_runs_in_turns_in_its_own_process(tmp_path):
  pytest.importorskip("torch")
  from launch.bench import torch_peer

  (tmp_path / "twin.py").write_text(TWIN)
  case = torch_peer.Case(
    str(tmp_path / "twin.py"), 0.5, 4, "float32", {"extra": 2}
  )
  peer = torch_peer.Peer(case, passive_wait=True)
  assert peer.name == "torch eager"
  assert peer.about["parameters"] == 9 * 128 * 63 + 63 + 3
  assert len(peer.run(2)) == 2
  assert all(wall > 0 for wall, _ in peer.run(3))
  peer.close()


@pytest.mark.slow
def test_another_systems_network_has_a_twin_of_its_own(tmp_path):
  pytest.importorskip("torch")
  (tmp_path / "twin.py").write_text(
    textwrap.dedent("""
    import torch

    def build(width, frames=1):
      return torch.nn.Linear(frames, width)

    def inputs(batch, device, frames=1):
      return torch.randn(batch, frames, device=device)

    def loss_fn(model, given):
      return model(given).square().mean()
  """)
  )
  done = script_runs.run(
    "launch.bench.train_step",
    "--model=mapnet",
    "--preset=demo",
    "--width=8",
    "--set=network.heads=2",
    "--set=network.mlp=8",
    "--batch=2",
    "--steps=1",
    "--rounds=1",
    f"--torch_peer={tmp_path / 'twin.py'}",
    "--torch_set=frames=5",
    "--torch_variants=eager",
    f"--json={tmp_path / 'rows.json'}",
  )
  assert done.returncode == 0, done.stderr
  ours, twin = json.loads((tmp_path / "rows.json").read_text())["rows"]
  assert ours["width"] == 8
  assert twin["parameters"] == 5 * 8 + 8
  assert list(ours["ratios"]) == ["torch eager"]


def test_a_twin_that_fails_says_why(tmp_path):
  pytest.importorskip("torch")
  from bgm2pose_jax.base.errors import InputError
  from launch.bench import torch_peer

  (tmp_path / "twin.py").write_text("raise ValueError('so not')")
  case = torch_peer.Case(str(tmp_path / "twin.py"), 0.5, 4, "float32", {})
  with pytest.raises(InputError, match="so not"):
    torch_peer.Peer(case, passive_wait=False)
