"""What the documents hold: their code blocks, commands, flags and links."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shlex
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parents[2]

_FENCE = re.compile(
  r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE
)
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_VARIABLE = re.compile(r"^(\w+)=(\"[^\"]*\"|'[^']*'|\S+)$", re.MULTILINE)
_FLAG = re.compile(r"^--([a-z]\w*)(?:[= ].*)?$", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_KEYWORDS = ("do", "then", "done")
_MODULE = re.compile(r"(?:bgm2pose_jax|launch|tests)(?:\.\w+)+")


@dataclasses.dataclass(frozen=True)
class Line:
  """A command in a document.

  Attributes:
    page: the document.
    words: the program first, as a shell would split them.
  """

  page: str
  words: tuple[str, ...]


def pages(root: pathlib.Path = ROOT) -> list[pathlib.Path]:
  """Every document that people read."""
  return [
    *sorted(root.glob("*.md")),
    *sorted((root / "docs").rglob("*.md")),
    *sorted((root / "datasets").glob("*/README.md")),
    *sorted((root / "launch").glob("*.md")),
  ]


def blocks(text: str, language: str) -> list[str]:
  """The code blocks of one language, without the fences."""
  return [body for _, name, body in _FENCE.findall(text) if name == language]


def prose(text: str) -> str:
  """A document without its code blocks."""
  return _FENCE.sub("", text)


def inline_code(text: str) -> list[str]:
  """The short pieces of code in the prose, each on one line."""
  return [" ".join(code.split()) for code in _CODE.findall(prose(text))]


def links(text: str) -> list[str]:
  """The targets of all links and pictures."""
  return _LINK.findall(_CODE.sub("", prose(text)))


def anchors(text: str) -> set[str]:
  """What a link may have behind `#`: one name for each heading."""
  made = set()
  for heading in _HEADING.findall(prose(text)):
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    kept = re.sub(r"[^\w\s-]", "", plain.lower()).strip()
    made.add(re.sub(r"\s", "-", kept))
  return made


def flags(text: str) -> set[str]:
  """The names of flags that stand alone in the prose: `--flag=value`."""
  found = (_FLAG.match(code) for code in inline_code(text))
  return {match.group(1) for match in found if match}


def commands(path: pathlib.Path, root: pathlib.Path = ROOT) -> Iterator[Line]:
  """Every command of a document, in blocks and in the prose."""
  text = path.read_text()
  page = path.relative_to(root).as_posix()
  for block in blocks(text, "bash"):
    variables = dict(_VARIABLE.findall(block))
    for name, value in variables.items():
      block = block.replace(f"${name}", value.strip("\"'"))
    for words in _split(block):
      yield Line(page, words)
  for code in inline_code(text):
    if re.match(r"(python|pip|\.ci/run)\b", code):
      for words in _split(code):
        yield Line(page, words)
    elif _MODULE.match(code) and " --" in code:
      yield Line(page, ("python", "-m", *shlex.split(code)))


def _split(script: str) -> Iterator[tuple[str, ...]]:
  """The simple commands of a piece of shell, also those in quotes."""
  whole = ""
  script = re.sub(r"\$\([^()]*\)", "VALUE", script.replace("\\\n", " "))
  for line in script.splitlines():
    whole = f"{whole}\n{line}" if whole else line
    try:
      words = list(_lexer(whole))
    except ValueError:  # a quotation that ends on a later line
      continue
    whole = ""
    yield from _simple(words)
  assert not whole, f"a quotation without end: {whole}"


def _simple(words: list[str]) -> Iterator[tuple[str, ...]]:
  made: list[str] = []
  before = ""
  for word in [*words, ";"]:
    is_file = before in ("<", ">")
    before = word
    if is_file or word in ("<", ">"):
      continue
    if not set(word) <= set("|&;<>"):
      made.append(word)
      continue
    if any(piece.startswith("BGM2POSE_SYSTEMS=") for piece in made):
      made = []  # the reader's own system is not here
    while made and (made[0] in _KEYWORDS or _ASSIGNMENT.fullmatch(made[0])):
      made.pop(0)
    if made and made[0] not in ("for", "while"):
      # `sudo docker run ... IMAGE python -m MODULE` runs the last of them.
      start = made.index("python") if "python" in made else 0
      yield tuple(made[start:])
      for word in made:
        if "python -m" in word and word.count(" ") > 1:
          yield from _split(word)
    made = []


def _lexer(line: str) -> shlex.shlex:
  lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
  lexer.whitespace_split = True
  return lexer
