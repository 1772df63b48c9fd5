"""A diagnosis as text for the terminal and as JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

from bgm2pose_jax.report import text_table
from bgm2pose_jax.simulate.scene_parts import BAND_EDGES_HZ
from bgm2pose_jax.systems.bgm2pose.doctor.examine import Diagnosis, Part
from bgm2pose_jax.systems.bgm2pose.doctor.findings import (
  SEVERITIES,
  Finding,
  printable,
)
from bgm2pose_jax.systems.bgm2pose.doctor.motion import Motion
from bgm2pose_jax.systems.bgm2pose.doctor.motion import to_json as motion_json
from bgm2pose_jax.systems.bgm2pose.doctor.room_check import REAL_ROOMS_DB

# Rows of files, and characters of a cell.
_MOST_FILES, _WIDEST = 200, 60
_TITLES = {"error": "ERRORS", "warning": "WARNINGS", "note": "NOTES"}


def render(diagnosis: Diagnosis, lines: int) -> str:
  """Returns the text for the terminal.

  Args:
    diagnosis: what was found.
    lines: findings shown of each kind; the rest is counted.
  """
  held = " and ".join(part.layout for part in diagnosis.parts) or "no"
  kind = "motion captures" if diagnosis.motion else f"{held} layout"
  blocks = [f"{printable(str(diagnosis.folder))}: {kind}"]
  for severity in SEVERITIES:
    kinds: dict[str, list[Finding]] = {}
    for finding in diagnosis.findings:
      if finding.severity == severity:
        kinds.setdefault(finding.kind, []).append(finding)
    if not kinds:
      continue
    total = sum(diagnosis.counts[severity, kind] for kind in kinds)
    block = [f"{_TITLES[severity]} ({total})"]
    for kind, findings in kinds.items():
      block += _kind(kind, findings, diagnosis.counts[severity, kind], lines)
    blocks.append("\n".join(block))
  for part in diagnosis.parts:
    if part.table:
      blocks.append(f"windows that training would see\n{part.table}")
    if part.settings:
      blocks.append(_settings(part))
    for table in (_clocks(part), _channels(part), _rooms(part)):
      if table:
        blocks.append(table)
  if diagnosis.motion is not None:
    blocks += _motion(diagnosis.motion)
  blocks.append(_summary(diagnosis))
  return "\n\n".join(blocks)


def _kind(
  kind: str, findings: list[Finding], count: int, lines: int
) -> list[str]:
  out = [f"  {kind} ({count})"]
  for finding in findings[:lines]:
    out.append(f"    {finding.where}: {finding.what}")
    out.append(f"      fix: {finding.fix}")
  if count > lines:
    out.append(f"    and {count - min(lines, len(findings))} more")
  return out


def _settings(part: Part) -> str:
  rows = [["setting", "test tracks", "folds", "train", "test", ""]]
  for row in part.settings:
    if row.reason:
      rows.append(
        [row.setting, "-", "-", "-", "-", f"not possible: {row.reason}"]
      )
    else:
      tracks = ",".join(row.test_tracks[:4])
      more = len(row.test_tracks) - 4
      rows.append(
        [
          row.setting,
          tracks + (f" and {more} more" if more > 0 else ""),
          str(row.folds),
          str(row.train_windows),
          str(row.test_windows),
          "",
        ]
      )
  return _columns("what could be trained (windows of the first fold)", rows)


def _clocks(part: Part) -> str:
  rows = [["aligned recording", "offset ms", "drift ppm", "+-", "explained"]]
  for name, facts in part.facts.items():
    if facts.clock is not None:
      rows.append(
        [
          name,
          f"{facts.clock.offset_s * 1e3:+.2f}",
          f"{facts.clock.drift_ppm:+.2f}",
          f"{facts.clock.drift_se_ppm:.2f}",
          f"{facts.clock.explained:.0%}",
        ]
      )
  return _columns("recordings against their music", rows) if rows[1:] else ""


def _channels(part: Part) -> str:
  rows = [["recording", "channels"]]
  for name, facts in part.facts.items():
    if facts.channel_order_text is not None:
      rows.append([name, facts.channel_order_text])
  return _columns("channels by the direct sound", rows) if rows[1:] else ""


def _rooms(part: Part) -> str:
  """What a fixed response explains, beside empty real rooms."""
  rows = [["recording", *(f"{edge:g} Hz" for edge in BAND_EDGES_HZ[:-1])]]
  for name, facts in part.facts.items():
    if facts.room_db is not None:
      rows.append([name, *(f"{gain:.0f}" for gain in facts.room_db)])
  if not rows[1:]:
    return ""
  real = [
    f"{low}" if low == high else f"{low}-{high}" for low, high in REAL_ROOMS_DB
  ]
  rows.append(["empty real rooms", *real])
  title = (
    "sound over what the room's fixed response leaves, dB, octaves from (less"
    " where somebody moves, or the room is noisy)"
  )
  return "\n".join([title, *text_table.aligned(rows, left=(0,))])


def _motion(motion: Motion) -> list[str]:
  """A row a file, the verdict, and what would mend the files."""
  rows = [["file", "unit", "Hz", "frames", "m tall", "up", "mirrored",
           "subject", "known by", ""]]  # fmt: skip
  for seen in motion.files[:_MOST_FILES]:
    verdict = "refused" if seen.refused else ""
    if not verdict and seen.warnings:
      verdict = f"{len(seen.warnings)} to look at"
    cells = (
      seen.file,
      seen.unit,
      _number(seen.rate_hz, "g"),
      _number(seen.frames, "d"),
      _number(seen.stature_m, ".2f"),
      seen.up_axis,
      {None: None, True: "yes", False: "no"}[seen.mirrored],
      seen.subject,
      seen.subject_from,
    )
    shown = [printable(cell, _WIDEST) if cell else "-" for cell in cells]
    rows.append([*shown, verdict])
  more = len(motion.files) - _MOST_FILES
  title = f"{len(motion.files)} motion files"
  if more > 0:
    title += f", the first {_MOST_FILES}; --json=FILE has all"
  text = [title, *text_table.aligned(rows, left=(0, 1, 5, 6, 7, 8, 9))]
  blocks = ["\n".join(text)]
  refused = sum(seen.refused is not None for seen in motion.files)
  odd = sum(bool(seen.warnings) for seen in motion.files if not seen.refused)
  if refused:
    verdict = f"{refused} of {len(motion.files)} files cannot be used"
  elif odd:
    verdict = (
      f"all files can be read; look at {odd} of {len(motion.files)} first"
    )
  else:
    verdict = "all files can be used"
  if motion.mending:
    lines = motion.mending.splitlines()
    shown = "\n".join(printable(line) for line in lines[: _MOST_FILES + 1])
    blocks.append(
      "lines for clips.csv; put what is true in place of each ?, and of"
      f" subjects that are guesses\n{shown}"
    )
  return [*blocks, verdict]


def _number(value: float | None, form: str) -> str | None:
  return None if value is None else format(value, form)


def _columns(title: str, rows: list[list[str]]) -> str:
  return "\n".join([title, *text_table.aligned(rows, left=(0, -1))])


def _summary(diagnosis: Diagnosis) -> str:
  numbers = {
    severity: sum(
      n for (own, _), n in diagnosis.counts.items() if own == severity
    )
    for severity in SEVERITIES
  }
  return ", ".join(
    f"{n} {severity}{'' if n == 1 else 's'}" for severity, n in numbers.items()
  )


def to_json(diagnosis: Diagnosis) -> str:
  """Returns the diagnosis as JSON; what could not be measured is null."""
  values = {
    "folder": str(diagnosis.folder),
    "errors": diagnosis.errors,
    "findings": [dataclasses.asdict(f) for f in diagnosis.findings],
    "counts": [
      {"severity": severity, "kind": kind, "count": count}
      for (severity, kind), count in diagnosis.counts.items()
    ],
    **({} if diagnosis.motion is None else motion_json(diagnosis.motion)),
    "layouts": [
      {
        "layout": part.layout,
        "recordings": [dataclasses.asdict(f) for f in part.facts.values()],
        "settings": [dataclasses.asdict(row) for row in part.settings],
      }
      for part in diagnosis.parts
    ],
  }
  return json.dumps(_finite(values), indent=2, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
  """Infinite levels and the like as null: JSON has no word for them."""
  if isinstance(value, dict):
    return {key: _finite(own) for key, own in value.items()}
  if isinstance(value, list | tuple):
    return [_finite(own) for own in value]
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value
