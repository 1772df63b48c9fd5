"""Links lead somewhere, and the documents have the sizes they promise."""

from __future__ import annotations

import pathlib

import pytest
import yaml

from tests.docs import pages
from tests.docs.pages import ROOT

DOCS = ROOT / "docs"


def broken(path: pathlib.Path) -> list[str]:
  """The links of a page that lead to no file or no heading."""
  found = []
  for link in pages.links(path.read_text()):
    if link.startswith(("http://", "https://")):
      continue
    name, _, anchor = link.partition("#")
    target = path if not name else path.parent / name
    is_there = target.exists() and (
      not anchor or anchor in pages.anchors(target.read_text())
    )
    if not is_there:
      found.append(link)
  return found


@pytest.mark.parametrize(
  "path", pages.pages(), ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_links_lead_somewhere(path):
  assert broken(path) == []


def test_planted_broken_links_are_found(tmp_path):
  (tmp_path / "other.md").write_text("# What it is: `--flag`\n")
  page = tmp_path / "page.md"
  page.write_text(
    "# Here\n[a](other.md) [b](other.md#what-it-is---flag) [c](#here)\n"
    "[d](none.md) [e](other.md#nothing) [f](#there) ![g](none.png)\n"
    "`[h](code.md)`\n```bash\n[i](block.md)\n```\n"
  )
  assert broken(page) == ["none.md", "other.md#nothing", "#there", "none.png"]


def test_a_page_of_the_site_links_to_nothing_outside_it():
  for path in DOCS.rglob("*.md"):
    for link in pages.links(path.read_text()):
      if not link.startswith("http"):
        target = (path.parent / link.partition("#")[0]).resolve()
        assert target.is_relative_to(DOCS), f"{path.name}: {link}"


def test_the_readme_leads_to_every_page():
  """By itself, or by a page that it leads to."""
  reached: set[pathlib.Path] = set()
  waiting = [ROOT / "README.md"]
  while waiting:
    path = waiting.pop()
    for link in pages.links(path.read_text()):
      target = (path.parent / link.partition("#")[0]).resolve()
      if target.suffix == ".md" and target not in reached:
        reached.add(target)
        waiting.append(target)
  assert {p for p in DOCS.rglob("*.md") if p != DOCS / "index.md"} <= reached


def test_every_page_has_a_place_in_the_menu():
  menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]

  def files(entry):
    if isinstance(entry, str):
      return [entry]
    inner = entry.values() if isinstance(entry, dict) else entry
    return [name for piece in inner for name in files(piece)]

  on_disk = sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md"))
  assert sorted(files(menu)) == on_disk


def test_sizes():
  assert len((ROOT / "README.md").read_text().splitlines()) <= 120
  assert len((ROOT / "BUILD_NOTES.md").read_text().splitlines()) <= 300


def test_the_readme_opens_with_a_picture_and_two_whole_commands():
  text = (ROOT / "README.md").read_text()
  first, second = pages.blocks(text, "bash")[:2]
  for block in (first, second):
    assert block.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert block.count("\n") == 1
  assert first.endswith("python -m bgm2pose_jax.main --setting=single\n")
  assert second.endswith("python -m pytest\n")
  assert text.index("![") < text.index(first)


def test_python_in_the_documents_runs(capsys):
  blocks = [
    block
    for path in sorted(DOCS.rglob("*.md"))
    for block in pages.blocks(path.read_text(), "python")
  ]
  for block in blocks:
    exec(compile(block, "docs", "exec"), {})
  assert float(capsys.readouterr().out.split()[0]) == pytest.approx(0.1)
