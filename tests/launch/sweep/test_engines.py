"""What is written for clusters: scripts that their own tools can read."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import quick_sweep
import yaml

from bgm2pose_jax.base.errors import InputError
from launch.sweep import manifests, options, ray_tune, status


@pytest.fixture
def book(tmp_path):
  return quick_sweep.make_book(tmp_path)


def _work(book, *flags):
  start = [sys.executable, "-m", "launch.sweep.work"]
  return [*start, f"--sweep={book.folder}", *flags]


def test_kubernetes_job_has_an_index_for_every_job(book):
  job = yaml.safe_load(
    manifests.kubernetes(
      book,
      image="registry/bgm2pose:1",
      mount="/sweep",
      volume_claim="shared",
      cpus=8,
      accelerators="nvidia.com/gpu:2",
      workers=3,
    )
  )
  assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
  spec = job["spec"]
  assert spec["completionMode"] == "Indexed"
  assert (spec["completions"], spec["parallelism"]) == (4, 3)
  pod = spec["template"]["spec"]
  (container,) = pod["containers"]
  assert container["command"][:4] == [
    "python",
    "-m",
    "launch.sweep.work",
    "--sweep=/sweep",
  ]
  assert "--index=$(JOB_COMPLETION_INDEX)" in container["command"]
  assert container["resources"]["limits"] == {
    "cpu": "8",
    "nvidia.com/gpu": "2",
  }
  (mount,) = container["volumeMounts"]
  (volume,) = pod["volumes"]
  assert mount == {"name": volume["name"], "mountPath": "/sweep"}
  assert volume["persistentVolumeClaim"] == {"claimName": "shared"}
  # A rule for exit codes is allowed only then.
  assert pod["restartPolicy"] == "Never"
  bare = manifests.kubernetes(
    book, image="i", mount="/sweep", volume_claim="shared"
  )
  assert "resources" not in bare


def test_sky_task_gives_each_node_its_share(book):
  task = yaml.safe_load(
    manifests.skypilot(
      book,
      image=None,
      mount="/sweep",
      bucket="gs://mine",
      cpus=8,
      accelerators="H100:1",
      workers=3,
    )
  )
  assert task["num_nodes"] == 3
  assert task["resources"] == {"cpus": "8+", "accelerators": "H100:1"}
  assert task["file_mounts"]["/sweep"]["source"] == "gs://mine"
  assert '".[cuda12]"' in task["setup"]
  assert "--shard=" in task["run"]
  text = manifests.skypilot(book, image="me/it:1", mount="/s", bucket=None)
  task = yaml.safe_load(text)
  assert task["resources"] == {"image_id": "docker:me/it:1"}
  assert "setup" not in task
  assert "file_mounts" not in task


@pytest.mark.slow
def test_shards_do_every_job_once(book, tmp_path):
  for part in range(2):
    subprocess.run(
      _work(book, f"--shard={part}/2", "--wait"),
      cwd=quick_sweep.ROOT,
      check=True,
    )
  assert quick_sweep.ran(tmp_path) == [
    "fold0-seed0",
    "fold1-seed0",
    "fold0-seed1",
    "fold1-seed1",
  ]


@pytest.mark.parametrize(
  ("flags", "words"),
  [
    (("--job=polka",), "no such job"),
    (("--index=4",), "give 0 to 3"),
    (("--shard=2/2",), "write e.g. 0/4"),
    ((), "is not one choice of jobs"),
  ],
)
def test_wrong_jobs_are_one_line(book, flags, words):
  done = subprocess.run(
    _work(book, *flags),
    cwd=quick_sweep.ROOT,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 2
  assert words in done.stderr
  assert len(done.stderr.splitlines()) == 1


def _run_ray(book):
  return ray_tune.run(
    book,
    directory=str(quick_sweep.ROOT),
    cpus=1,
    gpus=None,
    workers=2,
  )


def test_a_ray_trial_has_its_job_s_environment_from_a_file(book, tmp_path):
  own = tmp_path / "own.json"
  own.write_text('{"TOKEN": "x"}')
  job = next(iter(book.jobs))
  config = {
    "job": job,
    "sweep": str(book.folder),
    "directory": str(quick_sweep.ROOT),
    "cpus": 1,
    "environment": str(own),
  }
  assert ray_tune.trial(config) == {"exit_code": 0}
  (written,) = book.folder.glob("runs/*/environment.json")
  assert json.loads(written.read_text())["TOKEN"] == "x"


def test_without_ray_its_extra_is_named(book, monkeypatch):
  monkeypatch.setitem(sys.modules, "ray", None)
  with pytest.raises(InputError, match=r"pip install -e .*ray"):
    _run_ray(book)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_does_each_job_in_a_trial(book, tmp_path):
  pytest.importorskip("ray")
  (tmp_path / "fails-fold1-seed0").touch()
  assert not _run_ray(book)
  found = status.look(book)
  assert (len(found.done), list(found.failed)) == (
    3,
    ["single-haze-ridge-fold1-seed0"],
  )
  assert len(quick_sweep.ran(tmp_path)) == 4


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_ray_refuses_is_quoted(book):
  pytest.importorskip("ray")
  told = options.read("ray", ["image=me/it:1", "pip=wandb", "env.TOKEN=x"])
  with pytest.raises(InputError, match=r"`ray\.init`: ray: .*image_uri"):
    ray_tune.run(book, directory=str(quick_sweep.ROOT), options=told)
  assert not (book.folder / ray_tune.ENVIRONMENT).exists()
