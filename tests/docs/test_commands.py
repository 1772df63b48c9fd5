"""Every command in the documents can be started as it is written there.

The commands read their flags and end. What they do is tested elsewhere.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence

import pytest

from bgm2pose_jax import __main__ as one_command
from tests.docs import pages
from tests.docs.pages import ROOT, Line

# Programs that are not ours: nothing is known of their flags.
FOREIGN = {
  "cat", ".", "#", "sudo", "gcloud", "docker", "curl", "ruff", "pyright",
  "mkdocs",
}  # fmt: skip
# Flags that stand alone in the prose and belong to other programs.
OF_OTHERS = {"strict", "help", "version"}


def modules(line: Line) -> list[str] | None:
  """The module and its arguments; None where no module of ours is run."""
  words = list(line.words)
  program = words.pop(0).rpartition("/")[2]
  if words[:2] == ["-m", "bgm2pose_jax"]:
    program, words = one_command.PROGRAM, words[2:]
  if program == one_command.PROGRAM:
    named = one_command.COMMANDS.get(words[0]) if words else None
    return [named.module, *words[1:]] if named else None
  if not re.fullmatch(r"python[\d.]*", program) or words[:1] != ["-m"]:
    return None
  if words[1].split(".")[0] in ("bgm2pose_jax", "launch", "tests"):
    return words[1:]
  return None


def wrong(
  lines: Sequence[Line],
  said_of: Mapping[str, Mapping],
  root: pathlib.Path = ROOT,
) -> list[str]:
  """Commands that cannot be started, with what they say."""
  found = []
  for line in lines:
    if (command := modules(line)) is not None:
      said = said_of[command[0]]["wrong"][json.dumps(command[1:])]
    else:
      said = _otherwise(line.words, root)
    if said:
      found.append(f"{line.page}: {' '.join(line.words)}: {said}")
  return found


def asked_of_commands(lines: Sequence[Line]) -> dict[str, dict]:
  """{module: what `parse_commands` says} of the modules that lines run."""
  asked: dict[str, list[list[str]]] = {}
  for line in lines:
    if (command := modules(line)) is not None:
      asked.setdefault(command[0], []).append(command[1:])
  done = subprocess.run(
    [sys.executable, "-m", "tests.docs.parse_commands"],
    input=json.dumps(asked),
    capture_output=True,
    text=True,
    check=True,
    cwd=ROOT,
  )
  made = [json.loads(line) for line in done.stdout.splitlines()]
  return {answer.pop("module"): answer for answer in made}


def _otherwise(words: Sequence[str], root: pathlib.Path) -> str | None:
  """What is wrong with a command that runs no module of ours."""
  program = words[0].rpartition("/")[2]
  if words[0] == ".ci/run":
    known = (root / ".ci" / "run").read_text()
    unknown = [w for w in words[1:] if f".ci/run {w}" not in known]
    return f"no job {unknown}" if unknown else None
  if program == "pip":
    return _installs(words, root)
  if re.fullmatch(r"python[\d.]*", program):
    if tuple(words[1:]) == ("-m", "bgm2pose_jax"):
      return None
    if words[1:3] == ("-m", "pytest"):
      paths = [w for w in words[3:] if "/" in w]
      missing = [p for p in paths if not (root / p.split("::")[0]).exists()]
      return f"no file {missing}" if missing else None
    if words[1:3] == ("-m", "venv"):
      return None
    script = root / words[1]
    if script.is_file() or words[1] == "run_exported.py":
      return None
    return f"no file {words[1]}"
  if words[0] in FOREIGN or "=" in words[0]:
    return None
  if program == one_command.PROGRAM:
    return f"no command {words[1]}" if words[1:] else None
  return "an unknown program"


def _installs(words: Sequence[str], root: pathlib.Path) -> str | None:
  project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
  extras = re.findall(r"\.\[([\w,]+)\]", " ".join(words))
  unknown = [
    name
    for extra in extras
    for name in extra.split(",")
    if name not in project["optional-dependencies"]
  ]
  return f"no extra {unknown}" if unknown else None


PLANTED = """
```bash
python -m bgm2pose_jax.main --seting=single
python -m bgm2pose_jax.main --set=batch.sise=32 && python -m launch.nothing
NAME="--fold=x"
for f in 1 2; do python -m bgm2pose_jax.main $NAME; done
python -m bgm2pose_jax.main word | cat
bgm2pose train --steting=single
bgm2pose trian
pip install -e ".[sound]"
pythn -m bgm2pose_jax.main
```
`python -m pytest tests/no/such.py` and `launch.bench.input --bath=3`.
"""


@pytest.fixture(scope="module")
def lines():
  return [line for path in pages.pages() for line in pages.commands(path)]


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
  page = tmp_path_factory.mktemp("planted") / "page.md"
  page.write_text(PLANTED)
  return list(pages.commands(page, page.parent))


@pytest.fixture(scope="module")
def said_of(lines, planted):
  return asked_of_commands([*lines, *planted])


def test_the_documents_hold_commands(lines):
  modules_run = {m[0] for line in lines if (m := modules(line))}
  assert {
    "bgm2pose_jax.main",
    "bgm2pose_jax.predict",
    "bgm2pose_jax.data.prepare",
    "launch.sweep",
    "tests.hostile.check",
  } <= modules_run
  for command in (ROOT / "bgm2pose_jax" / "commands").rglob("[a-z]*.py"):
    name = ".".join(command.with_suffix("").parts[-2:])
    name = name.removeprefix("commands.")
    assert f"bgm2pose_jax.{name}" in modules_run, f"{name} is in no document"


def test_every_command_can_be_started(lines, said_of):
  assert wrong(lines, said_of) == []


def test_every_flag_in_the_prose_exists(said_of):
  known = set(OF_OTHERS)
  for answer in said_of.values():
    known |= set(answer["flags"])
  unknown = {
    f"{path.relative_to(ROOT)}: --{name}"
    for path in pages.pages()
    for name in pages.flags(path.read_text())
    if name not in known and name.removeprefix("no") not in known
  }
  assert unknown == set()


def test_planted_mistakes_are_found(planted, said_of):
  found = wrong(planted, said_of)
  for piece in (
    "seting", "batch.sise", "launch.nothing", "--fold=x", "word",
    "sound", "pythn", "such.py", "bath", "steting", "trian",
  ):  # fmt: skip
    assert any(piece in line for line in found), piece
  assert len(found) == 11


def test_flags_are_found_in_prose():
  text = "Use `--fold_by=clip`, `--serve` and `data.x=1`.\n```bash\n--no\n```\n"
  assert pages.flags(text) == {"fold_by", "serve"}
