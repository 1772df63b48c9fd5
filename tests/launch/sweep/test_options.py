"""What `--engine_option` is taken for, and what it is refused for."""

from __future__ import annotations

import pytest
import quick_sweep
import yaml

from bgm2pose_jax.base.errors import InputError
from launch.sweep import manifests, options, ray_tune

PLACE = {"image": "me/it:1", "mount": "/sweep"}


@pytest.fixture
def book(tmp_path):
  return quick_sweep.make_book(tmp_path)


def _job(book, *given):
  told = options.read("kubernetes", given)
  text = manifests.kubernetes(
    book, volume_claim="shared", cpus=8, options=told, **PLACE
  )
  job = yaml.safe_load(text)
  pod = job["spec"]["template"]["spec"]
  return job, pod, pod["containers"][0]


def _task(book, *given, image="me/it:1", mount="/sweep"):
  told = options.read("skypilot", given)
  return yaml.safe_load(
    manifests.skypilot(
      book, image=image, mount=mount, bucket=None, options=told
    )
  )


def test_kubernetes_gets_memory_beside_its_cores(book):
  _, _, container = _job(
    book, "memory=64Gi", "limits.nvidia.com/gpu=2", "requests.memory=32Gi"
  )
  assert container["resources"] == {
    "limits": {"cpu": "8", "memory": "64Gi", "nvidia.com/gpu": "2"},
    "requests": {"memory": "32Gi"},
  }


def test_kubernetes_gets_where_pods_may_run(book):
  job, pod, container = _job(
    book,
    "namespace=lab",
    "node_selector.cloud.google.com/gke-accelerator=nvidia-l4",
    "nodeSelector=disk=ssd",
    "toleration=nvidia.com/gpu:NoSchedule",
    "tolerations=dedicated=ml:NoExecute",
    "label.kueue.x-k8s.io/queue-name=users",
    "service_account=runner",
    "image_pull_secret=registry",
    "image_pull_policy=Always",
    "env_from_secret=wandb",
    "deadline_s=7200",
  )
  assert job["metadata"]["namespace"] == "lab"
  assert pod["nodeSelector"] == {
    "cloud.google.com/gke-accelerator": "nvidia-l4",
    "disk": "ssd",
  }
  assert pod["tolerations"] == [
    {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
    {
      "key": "dedicated",
      "operator": "Equal",
      "value": "ml",
      "effect": "NoExecute",
    },
  ]
  queue = {"kueue.x-k8s.io/queue-name": "users"}
  assert job["metadata"]["labels"] == queue
  assert job["spec"]["template"]["metadata"]["labels"] == queue
  assert pod["serviceAccountName"] == "runner"
  assert pod["imagePullSecrets"] == [{"name": "registry"}]
  assert container["imagePullPolicy"] == "Always"
  assert container["envFrom"] == [{"secretRef": {"name": "wandb"}}]
  assert job["spec"]["activeDeadlineSeconds"] == 7200


def test_kubernetes_expands_nothing_of_a_path_or_a_value(book):
  text = manifests.kubernetes(
    book,
    image="i",
    mount="/a $(HOME) sweep",
    volume_claim="shared",
    options=options.read("kubernetes", ["env.PRICE=$(HOME)"]),
  )
  pod = yaml.safe_load(text)["spec"]["template"]["spec"]
  (container,) = pod["containers"]
  assert "--sweep=/a $$(HOME) sweep" in container["command"]
  assert container["env"] == [{"name": "PRICE", "value": "$$(HOME)"}]
  assert container["volumeMounts"][0]["mountPath"] == "/a $(HOME) sweep"


def test_skypilot_gets_resources_of_the_right_types(book):
  task = _task(
    book,
    "memory=64+",
    "infra=gcp/us-central1",
    "use_spot=true",
    "disk_size=512",
    "max_hourly_cost=2.5",
    "label.team=pose",
    "port=8080",
    "env.MODE=no",
    "secret.KEY=1",
  )
  assert task["resources"] == {
    "image_id": "docker:me/it:1",
    "memory": "64+",
    "infra": "gcp/us-central1",
    "use_spot": True,
    "disk_size": 512,
    "max_hourly_cost": 2.5,
    "labels": {"team": "pose"},
    "ports": [8080],
  }
  # As text: YAML's "no" is a falsehood, and 1 a number.
  assert (task["envs"], task["secrets"]) == ({"MODE": "no"}, {"KEY": "1"})


def test_skypilot_s_shell_reads_a_mount_with_a_blank_as_one_word(book):
  task = _task(book, mount="/my sweep's")
  assert """ '--sweep=/my sweep'"'"'s' --wait""" in task["run"]
  own = _task(book, "image_id=ami-1", image=None)
  assert own["resources"]["image_id"] == "ami-1"
  assert "pip install" in own["setup"]


def test_ray_gets_resources_and_an_environment():
  told = options.read(
    "ray",
    [
      "mem=2Gi",
      "resource.TPU=4",
      "accelerator_type=A100",
      "env.WANDB_MODE=offline",
      "image=me/it:1",
      "namespace=lab",
    ],
  )
  made = ray_tune.settings("/repository", cpus=2, gpus=0.5, options=told)
  assert made == {
    "resources": {
      "cpu": 2,
      "gpu": 0.5,
      "memory": 2 * 1024**3,
      "TPU": 4.0,
      "accelerator_type:A100": 0.001,
    },
    "runtime_env": {
      "env_vars": {"PYTHONPATH": "/repository"},
      "image_uri": "me/it:1",
    },
    "init": {"namespace": "lab"},
    "env": {"WANDB_MODE": "offline"},
  }


def test_slurm_takes_any_long_option():
  told = options.read(
    "slurm",
    ["account=lab", "cpus_per_task=4", "exclusive", "comment=", "mem=16G"],
  )
  assert told.sbatch == {
    "account": "lab",
    "cpus-per-task": "4",
    "exclusive": None,
    "comment": "",
    "mem": "16G",
  }


def test_a_secret_comes_from_the_environment_and_is_not_shown(monkeypatch):
  monkeypatch.setenv("A_KEY", "s3cret")
  for engine in ("slurm", "kubernetes", "skypilot", "ray"):
    told = options.read(engine, ["env.A_KEY"])
    assert told.values["env"] == {"A_KEY": "s3cret"}
    assert "s3cret" not in str(told.hidden())
  with pytest.raises(InputError) as found:
    options.read("slurm", ["env.A_KEY=s3cret\nx"])
  assert "s3cret" not in str(found.value)


@pytest.mark.parametrize(
  ("engine", "given", "said"),
  [
    ("kubernetes", "namespce=a", "did you mean namespace?"),
    ("kubernetes", "node_selctor.a=b", "did you mean node_selector?"),
    ("kubernetes", "qos=low", "it knows image, cpus"),
    ("skypilot", "use_spt=true", "did you mean use_spot?"),
    ("skypilot", "secret.NOT_SET_HERE", "$NOT_SET_HERE is not set here"),
    ("ray", "memroy=1Gi", "did you mean memory?"),
    ("local", "mem=1G", "--engine=local takes no options"),
    ("kubernetes", "memory=16GB", "write e.g. 16Gi"),
    ("kubernetes", "memory=", "has no value"),
    ("kubernetes", "memory", "write memory=VALUE"),
    ("kubernetes", "toleration=a:Never", "NoSchedule"),
    ("kubernetes", "image_pull_policy=always", "Always, IfNotPresent"),
    ("kubernetes", "namespace.a=b", "namespace takes no name"),
    ("kubernetes", "label=a", "has no value"),
    ("kubernetes", "env.A B=c", "has no name that can be"),
    ("kubernetes", "namespace=a\nkind: Secret", "a line break"),
    ("skypilot", "use_spot=yes", "write true or false"),
    ("ray", "resource.TPU=-1", "a number above 0"),
    ("ray", "resource.TPU=nan", "a number above 0"),
    ("ray", "memory=500m", "write e.g. 16Gi"),
    ("slurm", "comment=a\n#SBATCH --uid=0", "a line break"),
    ("slurm", "comment=a\rb", "a carriage return"),
    ("slurm", "comment=\udcff", "U+DCFF"),
    ("slurm", "array=0-9", "--array is the sweep's to set"),
    # sbatch takes it for --array.
    ("slurm", "arr=0-9", "--array is the sweep's to set"),
    ("slurm", "test_only", "--test-only is the sweep's to set"),
    ("slurm", "-A=lab", "is no long option of sbatch"),
    ("slurm", "mem =16G\n", "a line break"),
    ("slurm", "max_aray_size=9", "did you mean max_array_size?"),
    ("slurm", "max_array_size=0", "write 1 to 4000001"),
    ("slurm", "max_array_size=many", "write a whole number"),
  ],
)
def test_what_no_engine_can_use_is_one_line(engine, given, said):
  with pytest.raises(InputError) as found:
    options.read(engine, [given])
  assert said in str(found.value)
  assert "--engine_option" in str(found.value)
  assert len(str(found.value).splitlines()) == 1


@pytest.mark.parametrize(
  ("engine", "given"),
  [
    ("slurm", ["qos=a", "qos=b"]),
    ("slurm", ["cpus-per-task=1", "cpus_per_task=2"]),
    ("kubernetes", ["mem=1Gi", "memory=2Gi"]),
    ("kubernetes", ["label.a=b", "label=a=c"]),
    ("ray", ["env.A=1", "env.A=2"]),
  ],
)
def test_an_option_is_given_once(engine, given):
  with pytest.raises(InputError, match="given twice"):
    options.read(engine, given)


def test_two_options_do_not_set_one_thing(book):
  with pytest.raises(InputError, match="cpu is set already"):
    _job(book, "limits.cpu=4")
  with pytest.raises(InputError, match="memory is set already"):
    _job(book, "memory=1Gi", "limits.memory=2Gi")
  with pytest.raises(InputError, match="image_id is set already"):
    _task(book, "image_id=ami-1")
  told = options.read("ray", ["resource.cpu=3"])
  with pytest.raises(InputError, match="cpu is set already"):
    ray_tune.settings("/repository", cpus=1, gpus=None, options=told)


def test_help_names_what_each_engine_understands():
  text = options.help_text()
  for word in ("max_array_size", "node_selector.NAME", "use_spot", "exclusive"):
    assert word in text
