"""One self-contained HTML file: shell, escaping, writing.

A page loads nothing: styles, scripts and data stand in it, and its content
policy forbids the rest. Every name that comes from files or folders is
escaped by whoever puts it into HTML.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any


def asset(name: str, package: str = "bgm2pose_jax.report") -> str:
  """A file of a package, such as page.css of this one, as text."""
  return resources.files(package).joinpath(name).read_text("utf-8")


def fill(template: str, fields: Mapping[str, str]) -> str:
  """Puts HTML into the `<!--name-->` places of a template.

  Args:
    template: text with such places.
    fields: name -> HTML, escaped where it must be.
  """
  # One pass, so that nothing inserted is searched for fields again.
  return re.sub("<!--([a-z]+)-->", lambda m: fields[m.group(1)], template)


def render(
  title: str,
  *,
  main: str,
  styles: Iterable[str] = (),
  data: Any = None,
  scripts: Sequence[str] = (),
  connect: str = "",
  sounds: bool = False,
) -> str:
  """A whole page as text.

  Args:
    title: plain text.
    main: HTML of the `<main>` element.
    styles: style sheets behind the page's own.
    data: JSON values, finite; the scripts find them in the element `data`.
    scripts: JavaScript, in order; they share one scope. A page without
      scripts may run none and holds no data.
    connect: whom the page may talk to, as a content policy says it; nobody
      when empty.
    sounds: whether the page may play sound that it holds.
  """
  policy, code = "", ""
  if scripts:
    policy = "; script-src 'unsafe-inline'"
    code = (
      f'<script type="application/json" id="data">{script_json(data)}</script>'
      f'\n<script>"use strict";\n{"".join(scripts)}</script>\n'
    )
  if connect:
    policy += f"; connect-src {connect}"
  if sounds:
    policy += "; media-src data:"
  fields = {
    "title": html.escape(title),
    "policy": policy,
    "css": "".join((asset("document.css"), *styles)),
    "main": main,
    "scripts": code,
  }
  return fill(asset("document.html"), fields)


def script_json(value: Any) -> str:
  """JSON that cannot end the script element it stands in."""
  text = json.dumps(value, sort_keys=True, allow_nan=False)
  for char in "<>&\u2028\u2029":
    text = text.replace(char, f"\\u{ord(char):04x}")
  return text


def banner(label: str, warning: str = "") -> str:
  """A line at the top of a page, large where there is something to warn of.

  Args:
    label: kind of data; empty shows the warning alone.
    warning: what it means for the reader; empty makes a quiet line.
  """
  name = f"<b>{html.escape(label)}</b>" if label else ""
  if not warning:
    return f'<div class="banner recorded">{name}</div>'
  return f'<div class="banner">{name}<span>{html.escape(warning)}</span></div>'


def facts_line(facts: Iterable[tuple[str, Any]]) -> str:
  """Names and values in one line, all text escaped here."""
  return " · ".join(
    f"{html.escape(name)} <b>{html.escape(str(value))}</b>"
    for name, value in facts
  )
