"""Jobs on a Slurm cluster: arrays, an element a job.

A cluster takes arrays up to its MaxArraySize; a longer sweep is several
scripts, each with an offset to the indices of its array.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from bgm2pose_jax.base.errors import InputError
from launch.sweep import option_table, work
from launch.sweep import options as options_lib
from launch.sweep import submit as submit_lib
from launch.sweep.book import Book
from launch.sweep.options import Options

SCRIPT = "sweep.sbatch"
# Slurm's own default.
MAX_ARRAY_SIZE = 1001
# sbatch ends an unquoted value at blanks and #, and reads quotes and
# backslashes; all else of ASCII is plain.
_PLAIN = re.compile(r"[!$%&()*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z{|}~]+")
_ARE_SCRIPTS = re.compile(r"sweep(-\d+)?\.sbatch")
_PATIENCE_S = 20.0


@dataclasses.dataclass(frozen=True)
class Limits:
  """What a cluster takes as one array.

  Attributes:
    size: MaxArraySize: indices are below it.
    tasks: how many indices may be named.
  """

  size: int = MAX_ARRAY_SIZE
  tasks: int = MAX_ARRAY_SIZE


@dataclasses.dataclass(frozen=True)
class Part:
  """One array.

  Attributes:
    offset: what is added to an index for the place of its job in the book.
    indices: indices of the array, rising.
  """

  offset: int
  indices: tuple[int, ...]


def find_limits(options: Options) -> Limits:
  """The limits given as an option, or else the cluster's, or Slurm's default.

  Args:
    options: `max_array_size`, and `clusters` of sbatch where it is another's.

  Raises:
    InputError: for a cluster that takes no arrays.
  """
  if size := options.values.get(option_table.MAX_ARRAY_SIZE):
    return Limits(size, size)
  where = options.sbatch.get("clusters")
  words = ["scontrol", *([f"--clusters={where}"] if where else [])]
  try:
    found = subprocess.run(
      [*words, "show", "config"],
      stdin=subprocess.DEVNULL,
      capture_output=True,
      text=True,
      errors="replace",
      timeout=_PATIENCE_S,
      check=True,
    ).stdout
  except (OSError, subprocess.SubprocessError):
    return Limits()
  size = _number(r"^MaxArraySize\s*=\s*(\d{1,9})\s*$", found)
  size = MAX_ARRAY_SIZE if size is None else size
  tasks = _number(r"^SchedulerParameters\s*=.*\bmax_array_tasks=(\d{1,9})",
                  found)  # fmt: skip
  if not size:
    raise InputError(
      "--engine=slurm",
      "this cluster takes no arrays (MaxArraySize is 0)",
      "run the sweep in one allocation, without --engine",
    )
  return Limits(size, min(tasks or size, size))


def _number(pattern: str, text: str) -> int | None:
  found = re.search(pattern, text, re.MULTILINE | re.IGNORECASE)
  return int(found[1]) if found else None


def scripts(
  book: Book,
  *,
  directory: str,
  time: str | None = None,
  partition: str | None = None,
  gres: str | None = None,
  cpus: int | None = None,
  workers: int | None = None,
  options: Options | None = None,
  limits: Limits | None = None,
) -> dict[pathlib.Path, str]:
  """Writes the texts of the batch scripts.

  Args:
    book: the book of the sweep; jobs that are finished are left out.
    directory: the repository's root, on every node.
    time: limit of a job, as sbatch takes it.
    partition: the partition of the cluster; None is its default.
    gres: devices a job needs, e.g. gpu:1.
    cpus: cores a job needs.
    workers: jobs at a time; None is as many as the cluster gives.
    options: what sbatch is told besides.
    limits: limits of an array; None is Slurm's default.

  Returns:
    {path: text}, in the order they are submitted.

  Raises:
    InputError: for a value that a script of Slurm cannot carry.
  """
  options = options or Options(option_table.SLURM)
  folder = options_lib.one_line("--out", str(book.folder))
  if "\\" in folder:
    raise InputError(
      f"--out={folder}",
      "has a backslash, and Slurm then numbers no logs",
      "give another --out",
    )
  header = _header(
    folder,
    {
      "time": options.or_flag("time", "time", time),
      "partition": options.or_flag("partition", "partition", partition),
      "gres": options.or_flag("gres", "gres", gres),
      "cpus-per-task": options.or_flag("cpus-per-task", "cpus", cpus),
    },
    options,
  )
  options_lib.one_line("the folder of the repository", directory)
  left = [i for i, job in enumerate(book.jobs) if book.unfinished(job)]
  found = parts(left, limits or Limits())
  made = {}
  for number, part in enumerate(found, start=1):
    name = SCRIPT if len(found) == 1 else f"sweep-{number}.sbatch"
    made[book.folder / name] = _script(
      header, folder, directory, part, workers, options.values.get("env", {})
    )
  return made


def _header(
  folder: str, flags: Mapping[str, object], options: Options
) -> dict[str, str | None]:
  """{option: value} of sbatch, of every script alike."""
  logs = f"{folder}/logs".replace("%", "%%")
  header: dict[str, str | None] = {
    "job-name": "bgm2pose-sweep",
    "output": f"{logs}/slurm-%A_%a.log",
    "open-mode": "append",
    # To the batch shell, which is the worker itself (exec below), so that it
    # ends its run and gives the job back.
    "signal": "B:TERM@60",
  }
  for name, value in flags.items():
    if value is not None:
      header[name] = options_lib.one_line(f"--{name}", str(value))
  # A job that lost its node or its place starts again, and resumes.
  if "no-requeue" not in options.sbatch:
    header["requeue"] = None
  return header | dict(options.sbatch)


def _script(
  header: Mapping[str, str | None],
  folder: str,
  directory: str,
  part: Part,
  workers: int | None,
  environment: Mapping[str, str],
) -> str:
  array = ranges(part.indices) + (f"%{workers}" if workers else "")
  lines = {"array": array, **header}
  words = [sys.executable, *work.COMMAND[1:], f"--sweep={folder}"]
  index = "$SLURM_ARRAY_TASK_ID"
  if part.offset:
    index = f"$((SLURM_ARRAY_TASK_ID + {part.offset}))"
  return "\n".join(
    [
      "#!/bin/bash",
      *(f"#SBATCH --{_directive(k, v)}" for k, v in lines.items()),
      "set -eu",
      *(f"export {k}={shlex.quote(v)}" for k, v in environment.items()),
      f"cd {shlex.quote(directory)}",
      f'exec {shlex.join(words)} --index="{index}" --wait',
      "",
    ]
  )


def _directive(name: str, value: str | None) -> str:
  """An option as a line of a script has it; sbatch undoes the quoting."""
  if value is None:
    return name
  if _PLAIN.fullmatch(value):
    return f"{name}={value}"
  escaped = value.replace("\\", r"\\").replace('"', r"\"")
  return f'{name}="{escaped}"'


def parts(jobs: Sequence[int], limits: Limits) -> list[Part]:
  """Parts rising numbers of jobs into arrays that a cluster takes.

  Args:
    jobs: places in the book.
    limits: limits of an array.
  """
  found: list[list[int]] = []
  for job in jobs:
    # Small numbers are indices as they are.
    if (
      found
      and len(found[-1]) < limits.tasks
      and (job < limits.size or 0 <= job - found[-1][0] < limits.size)
    ):
      found[-1].append(job)
    else:
      found.append([job])
  made = []
  for part in found:
    offset = 0 if part[-1] < limits.size else part[0]
    made.append(Part(offset, tuple(job - offset for job in part)))
  return made


def ranges(numbers: Sequence[int]) -> str:
  """Rising numbers as sbatch writes them: 0-2,5,7-8."""
  spans: list[list[int]] = []
  for number in numbers:
    if spans and spans[-1][-1] == number - 1:
      spans[-1][1:] = [number]
    else:
      spans.append([number])
  return ",".join("-".join(map(str, span)) for span in spans)


def write(folder: pathlib.Path, made: Mapping[pathlib.Path, str]) -> None:
  """Writes the scripts; those of an earlier call go.

  Args:
    folder: OUT.
    made: the scripts of `scripts`.
  """
  for path in folder.glob("sweep*.sbatch"):
    if _ARE_SCRIPTS.fullmatch(path.name) and path not in made:
      path.unlink()
  for path, text in made.items():
    submit_lib.write(path, text)


def how(paths: Sequence[pathlib.Path], *, in_turn: bool) -> list[str]:
  """The lines of a shell that submit scripts, as `submit` does.

  Args:
    paths: the scripts.
    in_turn: each begins when the one before has ended.
  """
  if not in_turn or len(paths) < 2:
    return [f"sbatch {shlex.quote(str(path))}" for path in paths]
  lines = []
  for path in paths:
    after = "--dependency=afterany:${id%%;*} " if lines else ""
    lines.append(f"id=$(sbatch --parsable {after}{shlex.quote(str(path))})")
  return lines


def submit(
  *paths: pathlib.Path, in_turn: bool = False, is_must: bool | None = None
) -> str:
  """Hands scripts to sbatch where there is one; says what was done.

  Args:
    *paths: the scripts, in their order.
    in_turn: each begins when the one before has ended, so that together they
      keep to the number of jobs at a time that is in each.
    is_must: a missing sbatch is an error.

  Raises:
    InputError: when sbatch refuses one, with its words.
  """
  if not is_must and shutil.which("sbatch") is None:
    lines = how(paths, in_turn=in_turn)
    shown = f"`{lines[0]}`" if len(lines) == 1 else "\n" + "\n".join(lines)
    return f"no sbatch here: run {shown} where Slurm is"
  said: list[str] = []
  before: list[str] = []
  for path in paths:
    words = ["sbatch"]
    if in_turn and before:
      words.append(f"--dependency=afterany:{before[-1]}")
    done = ""
    if before:
      done = (
        f"{len(before)} of {len(paths)} scripts are submitted (jobs "
        f"{', '.join(before)}; `scancel {' '.join(before)}` ends them; this "
        "command submits all again)"
      )
    said.append(submit_lib.run([*words, str(path)], done=done))
    before.append(_job(path, said[-1], len(paths)))
  return "\n".join(said)


def _job(path: pathlib.Path, said: str, scripts_count: int) -> str:
  """The number that sbatch gave a script."""
  found = re.search(r"Submitted batch job (\d+)", said)
  found = found or re.match(r"(\d+)(;|\s*$)", said)
  if found is None and scripts_count > 1:
    raise InputError(
      path, f"sbatch named no job: {said}", "submit the scripts by hand"
    )
  return found[1] if found else ""
