"""Compiled programs are code: kept for their owner alone, or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap

import jax
import pytest

from bgm2pose_jax.runtime import compilation


@pytest.fixture(autouse=True)
def _unchanged(monkeypatch):
  """Leaves the cache of this process, and its environment, as they were."""
  monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
  monkeypatch.delenv("XLA_FLAGS", raising=False)
  before = jax.config.jax_compilation_cache_dir
  yield
  jax.config.update("jax_compilation_cache_dir", before)


def _mode(folder) -> int:
  return stat.S_IMODE(folder.stat().st_mode)


def _in_use() -> str | None:
  return jax.config.jax_compilation_cache_dir


def test_a_new_folder_is_its_owners_alone(tmp_path):
  folder = tmp_path / "cache" / "compiled"
  before = os.umask(0o002)
  try:
    assert compilation.keep_programs(folder)
  finally:
    os.umask(before)
  assert _mode(folder) == _mode(folder.parent) == 0o700
  assert _in_use() == str(folder)


def test_a_folder_that_others_read_is_closed(tmp_path):
  folder = tmp_path / "compiled"
  folder.mkdir()
  folder.chmod(0o755)
  assert compilation.keep_programs(folder)
  assert _mode(folder) == 0o700


@pytest.mark.parametrize("shared", ["compiled", "."])
@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_folder_that_others_write_is_not_used(tmp_path, caplog, shared, mode):
  before, above = _in_use(), tmp_path / "above"
  folder = above / "compiled"
  folder.mkdir(parents=True)
  (above / shared).chmod(mode)
  assert not compilation.keep_programs(folder)
  assert _in_use() == before
  assert _mode(above / shared) == mode
  assert f"others can write to {above / shared}" in caplog.text


def test_a_sticky_folder_above_is_no_harm_but_the_folder_itself_is(tmp_path):
  above = tmp_path / "above"
  above.mkdir()
  above.chmod(0o1777)
  assert compilation.keep_programs(above / "compiled")
  assert not compilation.keep_programs(above)


def test_a_link_counts_for_what_it_points_to(tmp_path):
  shared = tmp_path / "shared"
  shared.mkdir()
  shared.chmod(0o777)
  (tmp_path / "compiled").symlink_to(shared)
  assert not compilation.keep_programs(tmp_path / "compiled")


def test_another_users_folder_is_not_used(tmp_path, caplog, monkeypatch):
  monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
  assert not compilation.keep_programs(tmp_path)
  assert "belongs to another user" in caplog.text


def test_no_folder_is_a_warning(tmp_path, caplog):
  (tmp_path / "file").touch()
  assert not compilation.keep_programs(tmp_path / "file" / "compiled")
  assert "not kept" in caplog.text


def test_a_folder_given_to_jax_stays(tmp_path, monkeypatch):
  before = _in_use()
  monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
  assert compilation.keep_programs(tmp_path / "compiled")
  assert _in_use() == before
  assert not (tmp_path / "compiled").exists()


@pytest.mark.parametrize(
  ("given", "on", "expected"),
  [
    (None, True, "--xla_gpu_deterministic_ops=true"),
    (None, False, "--xla_gpu_deterministic_ops=false"),
    ("--a=1", True, "--a=1 --xla_gpu_deterministic_ops=true"),
    (
      "--xla_gpu_deterministic_ops=false",
      True,
      "--xla_gpu_deterministic_ops=false",
    ),
  ],
)
def test_a_choice_in_the_environment_stays(monkeypatch, given, on, expected):
  if given is not None:
    monkeypatch.setenv("XLA_FLAGS", given)
  compilation.set_deterministic(on)
  assert os.environ["XLA_FLAGS"] == expected


def test_no_import_of_a_run_opens_a_device_before_the_choice():
  # XLA reads its flags when the first device opens; one that shows on CPU
  # stands for the GPU's, which XLA takes here without complaint.
  script = textwrap.dedent("""
    import os, jax
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=3"
    from bgm2pose_jax import main
    from bgm2pose_jax.runtime import compilation
    from bgm2pose_jax.training import run
    compilation.set_deterministic(True)
    assert "--xla_gpu_deterministic_ops=true" in os.environ["XLA_FLAGS"]
    os.environ["XLA_FLAGS"] = os.environ["XLA_FLAGS"].replace("=3", "=5")
    print(jax.device_count())
  """)
  done = subprocess.run(
    [sys.executable, "-c", script], capture_output=True, text=True, check=False
  )
  assert done.stdout.strip() == "5", done.stderr
