"""Table, JSON and page of an alignment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bgm2pose_jax.files import whole_file
from bgm2pose_jax.report import charts, html_table, text_table
from bgm2pose_jax.report import page as report_page
from bgm2pose_jax.report.page import Page, Panel
from bgm2pose_jax.systems.bgm2pose.align import result
from bgm2pose_jax.systems.bgm2pose.align.result import Alignment

# Blocks further off than this many times the usual scatter are drawn at the
# edge.
_EDGE_SCATTERS = 8.0


def table_rows(found: Alignment) -> list[tuple[str, str]]:
  """What the terminal and the page show: (name, value)."""
  rows = [
    (
      "music begins at",
      f"{found.offset_s:.6f} s, sample {found.offset_samples:.2f}"
      f" +- {found.offset_se_samples:.2f}",
    ),
    ("drift", f"{found.drift_ppm:+.4f} +- {found.drift_se_ppm:.4f} ppm"),
    (
      "match",
      f"{found.confidence:.0%} of the blocks with music lie on one clock; says"
      " nothing of poses",
    ),
    ("explained", f"{found.explained:.0%} of the sound while music plays"),
    (
      "vote",
      f"{found.votes} of {found.voters} blocks agree; by chance less than"
      f" 10^{found.log10_chance:.0f}",
    ),
    ("blocks", _counted(found.block_state)),
    ("windows of 0.6 s", _counted(found.window_state)),
    ("kept windows", _ranges(found)),
    ("polarity", found.polarity),
    ("channels", found.channels),
    ("channel order", found.sound_field.text()),
  ]
  for speaker in found.loudspeakers:
    x, y, z = speaker.direction
    rows.append(
      (
        f"direct sound, {speaker.name}",
        f"{speaker.delay_s * 1e3:+.3f} ms, X {x:+.2f}, Y {y:+.2f}, Z {z:+.2f}",
      )
    )
  return rows


def table(found: Alignment) -> str:
  """The table for the terminal, warnings last."""
  lines = text_table.aligned(table_rows(found), left=(0, 1))
  lines += [f"warning: {text}" for text in found.warnings]
  return "\n".join(lines)


def _counted(states: Sequence[str]) -> str:
  counts = {state: states.count(state) for state in dict.fromkeys(states)}
  return ", ".join(f"{count} {state}" for state, count in counts.items())


def _ranges(found: Alignment) -> str:
  ranges = [f"{first}-{end - 1}" for first, end in found.kept_windows()]
  return ", ".join(ranges) or "none"


def write(folder: Path, found: Alignment, name: str) -> list[Path]:
  """Writes `alignment.json` and `alignment.html`.

  Args:
    folder: there already.
    found: what to write.
    name: the name of the recording, for the title.

  Returns:
    The files.
  """
  plain, page = folder / "alignment.json", folder / "alignment.html"
  whole_file.write_text(plain, json.dumps(found.to_dict(), indent=1) + "\n")
  whole_file.write_text(page, render(found, name))
  return [plain, page]


def render(found: Alignment, name: str) -> str:
  """The page as text; it loads nothing.

  Args:
    found: what to show.
    name: the name of the recording.
  """
  note = (
    "Dots: blocks of 1.4 s that count, against the fitted line of offset and"
    " drift (zero). Rings: blocks left out; at the edge where they lie beyond"
    " it."
  )
  return report_page.render(
    Page(
      title=f"Alignment of {name}",
      banners=[("", text) for text in found.warnings],
      panels=(
        Panel(
          "Delay of each block off the line",
          f'{delay_chart(found)}<p class="note">{note}</p>',
        ),
        Panel("Figures", html_table.facts(table_rows(found))),
      ),
    )
  )


def delay_chart(found: Alignment) -> str:
  """Delay off the line against time, as a `<figure>`.

  Args:
    found: the alignment with its blocks.
  """
  delay_us = found.block_delay_s * 1e6
  used = np.array([state == result.USED for state in found.block_state])
  scatter = 1.4826 * float(np.median(np.abs(delay_us[used])))
  points = []
  for i in np.flatnonzero(np.isfinite(delay_us)):
    x, y = float(found.block_middle_s[i]), float(delay_us[i])
    hint = f"{x:.1f} s: {y:+.2f} µs, {found.block_state[i]}"
    points.append(charts.Point(x, y, hint, bool(used[i])))
  return charts.scatter(
    "Delay of blocks off the line, microseconds against seconds",
    points,
    x_end=float(found.block_middle_s[-1]) * 1.02,
    y_top=max(_EDGE_SCATTERS * scatter, 0.1),
    x_unit="s",
    y_unit="µs",
  )
