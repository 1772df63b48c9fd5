"""Both ends of every dependency's range are written down."""

from __future__ import annotations

import pathlib
import re
import tomllib

ROOT = pathlib.Path(__file__).parents[1]


def _name(text: str) -> str:
  return re.split(r"[<>=!\[; ]", text, maxsplit=1)[0].lower().replace("_", "-")


def _pinned(name: str) -> dict[str, str]:
  lines = (ROOT / "constraints" / name).read_text().splitlines()
  pins = [line.split()[0] for line in lines if line and line[0] != "#"]
  return {_name(pin): pin.partition("==")[2] for pin in pins}


def _version(text: str) -> tuple[int, ...]:
  return tuple(int(part) for part in re.findall(r"\d+", text))


def test_ranges_begin_and_end_at_what_was_tested():
  project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
  lowest, newest = _pinned("lowest.txt"), _pinned("newest.txt")
  for wanted in project["dependencies"]:
    name = _name(wanted)
    least, most = re.findall(r">=([\d.]+),<([\d.]+)", wanted)[0]
    begin = _version(least)
    assert _version(lowest[name])[: len(begin)] == begin, wanted
    assert begin <= _version(newest[name]) < _version(most), wanted


def test_the_lock_names_sums_and_no_place():
  text = (ROOT / "constraints" / "newest.txt").read_text()
  assert "://" not in text
  assert "index-url" not in text
  lines = [line for line in text.splitlines() if line[:1] not in ("", "#")]
  form = re.compile(r"[a-z0-9.-]+==[^ ]+ --hash=sha256:[0-9a-f]{64}")
  assert [line for line in lines if not form.fullmatch(line)] == []
