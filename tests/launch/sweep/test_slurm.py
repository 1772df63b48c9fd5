"""Scripts for sbatch: it reads in them what was meant, and takes them."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys

import pytest
import quick_sweep

from bgm2pose_jax.base.errors import InputError
from launch.sweep import book as book_lib
from launch.sweep import options, slurm


@pytest.fixture
def book(tmp_path):
  return quick_sweep.make_book(tmp_path)


def _scripts(book, *given, limits=None, **flags):
  made = slurm.scripts(
    book,
    directory=str(quick_sweep.ROOT),
    options=options.read("slurm", given),
    limits=limits,
    **flags,
  )
  return list(made.values())


def _script(book, *given, **flags):
  (text,) = _scripts(book, *given, **flags)
  return text


def _read(text):
  """{option: value} as sbatch takes them from a script.

  It parts a line at blanks outside quotes, undoes quotes and backslashes, and
  leaves out what follows a #; a shell does the same.
  """
  found = {}
  for line in text.splitlines():
    if not line.startswith("#SBATCH "):
      assert line == "#!/bin/bash" or not line.startswith("#")
      continue
    words = shlex.split(line.removeprefix("#SBATCH"), comments=True)
    assert len(words) == 1, line
    name, equals, value = words[0].partition("=")
    assert name not in found
    found[name] = value if equals else None
  return found


def _in(folder, name):
  """A book in a folder of a name."""
  runs = quick_sweep.make_runs(2, 2)
  return book_lib.make(folder / name, runs, (), command=("python", "x"))


def _long(tmp_path, count):
  """A book of so many jobs, not saved."""
  return book_lib.make(tmp_path, quick_sweep.make_runs(count, 1), ())


def _indices(text):
  """What the elements of a script's array do, in order."""
  array = _read(text)["--array"].partition("%")[0]
  (offset,) = [
    int(line.partition(" + ")[2].partition(")")[0])
    if "SLURM_ARRAY_TASK_ID + " in line
    else 0
    for line in text.splitlines()
    if line.startswith("exec")
  ]
  found = []
  for span in array.split(","):
    first, _, last = span.partition("-")
    found += range(int(first), int(last or first) + 1)
  return found, [index + offset for index in found]


def test_script_is_an_array_of_what_is_left(book):
  text = _script(
    book, time="01:00:00", partition="gpu", gres="gpu:1", cpus=4, workers=2
  )
  lines = text.splitlines()
  assert lines[0] == "#!/bin/bash"
  for option in (
    "array=0-3%2",
    "requeue",
    "time=01:00:00",
    "partition=gpu",
    "gres=gpu:1",
    "cpus-per-task=4",
    f"output={book.folder}/logs/slurm-%A_%a.log",
  ):
    assert f"#SBATCH --{option}" in lines
  done = book.workdir(list(book.runs)[1])
  done.mkdir()
  (done / "results.json").touch()
  assert "#SBATCH --array=0,2-3" in _script(book).splitlines()
  assert "partition" not in _script(book)
  assert slurm.ranges([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8"


@pytest.mark.parametrize(
  ("name", "written"),
  [
    ("my sweep", "my sweep"),
    ("50% wide", "50%% wide"),
    ("%A%j", "%%A%%j"),
    ('the "wide" one', 'the "wide" one'),
    ("o'neill", "o'neill"),
    ("a#b", "a#b"),
    ("Übung", "Übung"),
    ("a;b$(c)", "a;b$(c)"),
  ],
)
def test_logs_lie_in_the_folder_whatever_its_name(tmp_path, name, written):
  text = _script(_in(tmp_path, name))
  found = _read(text)
  assert found["--output"] == f"{tmp_path}/{written}/logs/slurm-%A_%a.log"
  assert found["--signal"] == "B:TERM@60"
  last = shlex.split(text.splitlines()[-1])
  assert f"--sweep={tmp_path}/{name}" in last


def test_a_value_with_a_blank_is_quoted(tmp_path):
  text = _script(_in(tmp_path, "my sweep"), partition="a,b")
  assert f'#SBATCH --output="{tmp_path}/my sweep/logs/' in text
  assert _read(text)["--partition"] == "a,b"


@pytest.mark.parametrize(
  ("name", "said"),
  [
    ("a\nb", "a line break"),
    ("a\rb", "a carriage return"),
    ("a\tb", "a tab"),
    ("a\\b", "a backslash"),
    ("\udcff", "U+DCFF"),
  ],
)
def test_a_folder_that_slurm_cannot_have_is_refused(tmp_path, name, said):
  with pytest.raises(InputError, match=f"--out.*{said}".replace("+", r"\+")):
    _scripts(_in(tmp_path, name))


def test_a_flag_cannot_begin_a_line_of_its_own(book):
  with pytest.raises(InputError, match="--partition: holds a line break"):
    _scripts(book, partition="gpu\n#SBATCH --uid=0")


def test_options_of_sbatch_are_lines_of_the_script(book):
  text = _script(
    book,
    "account=lab",
    "qos=low",
    "mem=64G",
    "constraint=a100|h100&ib",
    'comment=room of "bgm" #3, C:\\x ',
    "container-image=nvcr.io#nvidia/jax:24.10",
    "exclusive",
    "job-name=mine",
    "no_requeue",
    "time=2-00:00:00",
    cpus=8,
  )
  found = _read(text)
  assert found["--account"] == "lab"
  assert found["--qos"] == "low"
  assert found["--mem"] == "64G"
  assert found["--constraint"] == "a100|h100&ib"
  assert found["--comment"] == 'room of "bgm" #3, C:\\x '
  assert found["--container-image"] == "nvcr.io#nvidia/jax:24.10"
  assert found["--exclusive"] is None
  assert found["--job-name"] == "mine"
  assert found["--time"] == "2-00:00:00"
  assert found["--cpus-per-task"] == "8"
  assert "--no-requeue" in found
  assert "--requeue" not in found


def test_a_flag_and_an_option_do_not_say_one_thing(book):
  with pytest.raises(InputError, match="--time=1:00 says it too"):
    _scripts(book, "time=2:00", time="1:00")
  with pytest.raises(InputError, match="--cpus=4 says it too"):
    _scripts(book, "cpus_per_task=8", cpus=4)


def test_script_does_the_job_of_its_index_and_offset(book, tmp_path):
  path = tmp_path / slurm.SCRIPT
  value = "a 'b' $c"
  limits = slurm.Limits(2, 2)
  _, text = _scripts(book, f"env.GIVEN={value}", limits=limits)
  assert _indices(text) == ([0, 1], [2, 3])
  path.write_text(text)
  subprocess.run(
    ["bash", str(path)],
    check=True,
    env={**os.environ, "SLURM_ARRAY_TASK_ID": "0"},
  )
  assert quick_sweep.ran(tmp_path) == ["fold1-seed0"]
  (work,) = book.folder.glob("runs/*/environment.json")
  assert '"GIVEN": "a \'b\' $c"' in work.read_text()


@pytest.mark.parametrize(
  ("count", "limits", "sizes"),
  [
    (1001, slurm.Limits(), [1001]),
    (1002, slurm.Limits(), [1001, 1]),
    (2500, slurm.Limits(), [1001, 1001, 498]),
    (2500, slurm.Limits(5000, 1000), [1000, 1000, 500]),
    (3, slurm.Limits(1, 1), [1, 1, 1]),
  ],
)
def test_a_long_sweep_is_several_arrays(tmp_path, count, limits, sizes):
  texts = _scripts(_long(tmp_path, count), workers=8, limits=limits)
  found = [_indices(text) for text in texts]
  assert [len(indices) for indices, _ in found] == sizes
  done = [job for _, jobs in found for job in jobs]
  assert done == list(range(count))
  assert max(max(indices) for indices, _ in found) < limits.size
  assert all(_read(text)["--array"].endswith("%8") for text in texts)


def test_what_is_left_of_a_long_sweep_is_as_few_arrays_as_can_be():
  limits = slurm.Limits(1000, 1000)
  left = [5, 900, 1500, 1999, 2400, 2499]
  assert slurm.parts(left, limits) == [
    slurm.Part(0, (5, 900)),
    slurm.Part(1500, (0, 499, 900, 999)),
  ]


@pytest.fixture
def tools(tmp_path, monkeypatch):
  """Makes commands that stand in for a cluster's, alone on PATH."""
  folder = tmp_path / "bin"
  folder.mkdir()
  monkeypatch.setenv("PATH", str(folder))

  def make(name, code):
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport pathlib, sys\n{code}\n")
    path.chmod(0o755)

  return make


def _limits(*given):
  return slurm.find_limits(options.read("slurm", given))


def test_the_limit_is_the_cluster_s_where_it_can_be_asked(tools):
  assert _limits() == slurm.Limits(1001, 1001)
  tools("scontrol", "print('MaxArraySize            = 200')")
  assert _limits() == slurm.Limits(200, 200)
  assert _limits("max_array_size=50") == slurm.Limits(50, 50)
  tools(
    "scontrol",
    "print('MaxArraySize = 4001')\n"
    "print('SchedulerParameters = bf_continue,max_array_tasks=300,defer')",
  )
  assert _limits() == slurm.Limits(4001, 300)
  tools("scontrol", "print('MaxArraySize =', 7 * ('--clusters=b' in sys.argv))")
  assert _limits("clusters=b") == slurm.Limits(7, 7)
  with pytest.raises(InputError, match="takes no arrays"):
    _limits()
  tools("scontrol", "sys.exit('slurm_load_ctl_conf error: Unable to contact')")
  assert _limits() == slurm.Limits(1001, 1001)


def test_sbatch_gets_the_script_where_there_is_one(book, tmp_path, tools):
  path = tmp_path / "a script.sbatch"
  path.write_text(_script(book))
  assert f"run `sbatch '{path}'`" in slurm.submit(path)
  with pytest.raises(InputError, match="there is no sbatch here"):
    slurm.submit(path, is_must=True)
  tools(
    "sbatch",
    "print('Submitted batch job 7 of', len(sys.argv) - 1, 'file')\n"
    "sys.exit(open(sys.argv[1]).read(3) != '#!/')",
  )
  assert slurm.submit(path) == "Submitted batch job 7 of 1 file"


@pytest.mark.parametrize(
  ("said", "fix"),
  [
    (
      "Batch job submission failed: Invalid account or account/partition "
      "combination specified",
      "--engine_option=account=",
    ),
    ("invalid partition specified: gpuu", "--partition"),
    ("Batch job submission failed: Invalid qos specification", "qos="),
    (
      "Batch job submission failed: Invalid job array specification",
      "max_array_size=N",
    ),
    ("unrecognized option '--acount=lab'", "correct the name"),
    (
      "Batch job submission failed: Job violates accounting/QOS policy (job "
      "submit limit, user's size and/or time limits)",
      "--group",
    ),
    ("Something no one has seen", "correct the flags of Slurm"),
  ],
)
def test_sbatch_s_own_words_stand_beside_the_fix(tmp_path, tools, said, fix):
  tools("sbatch", f"sys.exit('sbatch: error: ' + {said!r})")
  path = tmp_path / "sweep.sbatch"
  with pytest.raises(InputError) as found:
    slurm.submit(path)
  message = str(found.value)
  assert f"`sbatch {path}`" in message
  assert f"sbatch ended with 1: sbatch: error: {said}" in message
  assert fix in message.rpartition("; ")[2]
  assert len(message.splitlines()) == 1


def test_arrays_come_in_turn_so_that_workers_is_kept(tmp_path, tools):
  note = tmp_path / "note"
  tools(
    "sbatch",
    f"note = pathlib.Path({str(note)!r})\n"
    "before = note.read_text() if note.exists() else ''\n"
    "note.write_text(before + ' '.join(sys.argv[1:]) + '\\n')\n"
    "print('Submitted batch job', 70 + before.count('\\n'))",
  )
  paths = [tmp_path / f"sweep-{i}.sbatch" for i in (1, 2, 3)]
  said = slurm.submit(*paths, in_turn=True)
  assert said.splitlines()[-1] == "Submitted batch job 72"
  assert note.read_text().splitlines() == [
    str(paths[0]),
    f"--dependency=afterany:70 {paths[1]}",
    f"--dependency=afterany:71 {paths[2]}",
  ]
  note.unlink()
  slurm.submit(*paths)
  assert note.read_text().splitlines() == [str(path) for path in paths]


def test_what_was_submitted_before_one_failed_is_named(tmp_path, tools):
  tools(
    "sbatch",
    "if 'sweep-2' in sys.argv[-1]:\n  sys.exit('QOSMaxSubmitJobPerUserLimit')\n"
    "print('Submitted batch job 7')",
  )
  paths = [tmp_path / f"sweep-{i}.sbatch" for i in (1, 2)]
  with pytest.raises(InputError) as found:
    slurm.submit(*paths)
  assert "QOSMaxSubmitJobPerUserLimit" in str(found.value)
  assert "1 of 2 scripts are submitted" in str(found.value)
  assert "`scancel 7`" in str(found.value)


def test_the_lines_that_are_said_submit_in_turn(tmp_path, tools):
  paths = [tmp_path / f"a sweep-{i}.sbatch" for i in (1, 2)]
  lines = slurm.how(paths, in_turn=True)
  assert slurm.submit(*paths, in_turn=True).splitlines()[1:-1] == lines[:-1]
  tools(
    "sbatch",
    "print('7;cluster')\nprint(*sys.argv[1:], sep='|', file=sys.stderr)",
  )
  done = subprocess.run(
    ["/bin/bash", "-c", "\n".join(lines)],
    capture_output=True,
    text=True,
    check=True,
  )
  assert done.stderr.splitlines() == [
    f"--parsable|{paths[0]}",
    f"--parsable|--dependency=afterany:7|{paths[1]}",
  ]


def test_scripts_are_their_owner_s_alone_and_old_ones_go(tmp_path):
  (tmp_path / "sweep-4.sbatch").touch()
  (tmp_path / "sweep-mine.sbatch").touch()
  single = tmp_path / "sweep.sbatch"
  single.touch(0o644)
  slurm.write(tmp_path, {single: "export TOKEN=x\n"})
  assert stat.S_IMODE(single.stat().st_mode) == 0o600
  assert {path.name for path in tmp_path.iterdir()} == {
    "sweep.sbatch",
    "sweep-mine.sbatch",
  }
