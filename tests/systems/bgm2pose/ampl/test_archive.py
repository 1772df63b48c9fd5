"""Archives of AMPL unpack whole or not at all, and nothing else gets out."""

from __future__ import annotations

import gzip
import io
import os
import random
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import types
import zipfile
import zlib
from pathlib import Path

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import member_checks
from bgm2pose_jax.files.archive_members import Limits
from bgm2pose_jax.systems.bgm2pose.ampl import archive, find, sources

WINDOW = "dataset_spec_2400/music_with_intensity/w.npy"
FILES = {
  "AMPL/README.txt": b"read me",
  "AMPL/dataset_spec_2400/music_intensity.csv": b"sound_path,label\n" * 200,
  f"AMPL/{WINDOW}": bytes(range(256)) * 400,
  "AMPL/dataset_spec_2400/music_with_intensity/._w.npy": b"mac",
  "__MACOSX/AMPL/dataset_spec_2400/music_intensity.csv": b"mac",
}
RAW = {
  "a/data/sound_cut/subject_0_arnor_cut.wav": b"sound",
  "a/data/sound_cut/arnor_input.MP3": b"music",
  "a/data/annotations/subject_0_arnor.txt": b"0 1 wave",
  "a/data/poses_synchronized/subject_0_arnor_position.csv": b"Hips_x",
  "a/data/tracks.json": b"{}",
  "b/tracks.json": b"of something else",
  "a/data/run.sh": b"rm",
}


def make_zip(path: Path, files, **kwargs) -> Path:
  with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
    for name, data in files.items():
      info = zipfile.ZipInfo(name, (2020, 1, 2, 3, 4, 6))
      info.compress_type = kwargs.get("compress_type", zipfile.ZIP_DEFLATED)
      info.external_attr = kwargs.get("mode", stat.S_IFREG | 0o777) << 16
      file.writestr(info, data)
  return path


def make_tar(path: Path, files, kind=tarfile.REGTYPE, mode="w:gz") -> Path:
  with tarfile.open(path, mode) as file:
    for name, data in files.items():
      info = tarfile.TarInfo(name)
      info.type = kind
      info.linkname = "/etc/passwd" if kind != tarfile.REGTYPE else ""
      info.size = len(data) if kind == tarfile.REGTYPE else 0
      file.addfile(info, io.BytesIO(data))
  return path


def held(folder: Path) -> dict[str, bytes]:
  return {
    path.relative_to(folder).as_posix(): path.read_bytes()
    for path in folder.rglob("*")
    if path.is_file()
  }


def refused(path: Path, out: Path, match: str, **kwargs) -> None:
  before = sorted(out.parent.iterdir())
  with pytest.raises(InputError, match=match):
    archive.extract([path], out, progress=False, **kwargs)
  assert sorted(out.parent.iterdir()) == before


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_layouts_are_unpacked_and_nothing_else(tmp_path, make):
  out = tmp_path / "out"
  done = archive.extract([make(tmp_path / "a.bin", FILES)], out, progress=False)
  wanted = {k[5:]: v for k, v in FILES.items() if k[:6] == "AMPL/d"}
  del wanted["dataset_spec_2400/music_with_intensity/._w.npy"]
  assert held(out) == wanted
  assert done.files == 2
  assert {reason: len(names) for reason, names in done.skipped.items()} == {
    "no file of AMPL's layouts": 1,
    "macOS's own": 2,
  }
  assert find.find_dataset(out) == "ampl/released"
  out = tmp_path / "raw"
  archive.extract([make(tmp_path / "b.bin", RAW)], out, progress=False)
  assert held(out) == {k[2:]: v for k, v in RAW.items() if k[:8] != "a/data/r"
                       and k[0] == "a"}  # fmt: skip
  assert os.listdir(out) == ["data"]
  assert not os.access(out / "data/tracks.json", os.X_OK)


def test_same_archive_same_times(tmp_path):
  path = make_zip(tmp_path / "a.zip", FILES)
  times = []
  for name in ("one", "two"):
    archive.extract([path], tmp_path / name, progress=False)
    times.append((tmp_path / name / WINDOW).stat().st_mtime_ns)
  assert times == [1577934246 * 10**9] * 2


def test_several_archives_become_one_folder(tmp_path):
  items = list(FILES.items())
  paths = [
    make_zip(tmp_path / "a.zip", dict(items[:2])),
    make_tar(tmp_path / "b.tgz", dict(items[2:])),
  ]
  (tmp_path / "out").mkdir()
  archive.extract(paths, tmp_path / "out", progress=False)
  assert len(held(tmp_path / "out")) == 2


@pytest.mark.parametrize(
  "name",
  [
    "../x.npy",
    "dataset_spec_2400/../../x.npy",
    "/dataset_spec_2400/music_intensity.csv",
    "C:/dataset_spec_2400/music_intensity.csv",
    "dataset_spec_2400\\music_intensity.csv",
    "dataset_spec_2400//music_intensity.csv",
    "dataset_spec_2400/music_with_intensity/a\x07.npy",
    "dataset_spec_2400/music_with_intensity/a\u202e.npy",
    "dataset_spec_2400/music_with_intensity/a.npy ",
    "dataset_spec_2400 ./music_intensity.csv",
    "a/" * 20 + "x",
    "x" * 300,
  ],
)
def test_names_that_no_archive_needs_are_refused(tmp_path, name):
  with pytest.raises(ValueError, match="its name"):
    member_checks.check_name(name)
  for make in (make_zip, make_tar):
    path = make(tmp_path / "a.bin", {**FILES, name: b"x"})
    refused(path, tmp_path / "out", "its name")


def test_a_file_without_a_name_is_refused(tmp_path):
  for make in (make_zip, make_tar):
    path = make(tmp_path / "a.bin", {**FILES, ".": b"x"})
    refused(path, tmp_path / "out", "its name is empty")


def test_control_characters_before_a_nul_count_too(tmp_path):
  path = make_zip(tmp_path / "a.zip", {**FILES, "AMPL/x.npyQ..": b"x"})
  path.write_bytes(path.read_bytes().replace(b"AMPL/x.npyQ", b"AMPL/x.npy\0"))
  refused(path, tmp_path / "out", "control character")


@pytest.mark.parametrize(
  "kind",
  [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE],
)
def test_links_and_devices_are_refused(tmp_path, kind):
  links = make_tar(tmp_path / "a.tar", {WINDOW: b""}, kind, "w:")
  refused(links, tmp_path / "out", "link or a device")
  for mode in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO):
    path = make_zip(tmp_path / "a.zip", {WINDOW: b"/etc"}, mode=mode | 0o777)
    refused(path, tmp_path / "out", "link or a device")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(tmp_path):
  for other in (WINDOW.upper().replace("DATASET_SPEC", "dataset_spec"),
                f"B/{WINDOW}", WINDOW.replace("w.npy", "W.npy")):  # fmt: skip
    path = tmp_path / "a.zip"
    make_zip(path, {WINDOW: b"1", other: b"2"})
    if archive.destination(member_checks.check_name(other)) is not None:
      refused(path, tmp_path / "out", "is the same file as")
  with zipfile.ZipFile(path, "w") as file:
    file.writestr(WINDOW, b"1")
    file.writestr(WINDOW, b"2")
  refused(path, tmp_path / "out", "is the same file as")


def test_bombs_are_refused(tmp_path):
  out = tmp_path / "out"
  zeros = {**FILES, f"AMPL/{WINDOW}": bytes(8 << 20)}
  refused(make_zip(tmp_path / "a.zip", zeros), out, "times its size")
  refused(make_tar(tmp_path / "a.tgz", zeros), out, "unpacks to more than")
  plain = make_zip(tmp_path / "b.zip", FILES)
  tarred = make_tar(tmp_path / "b.tgz", FILES)
  for path in (plain, tarred):
    refused(path, out, "more than 3 members", limits=Limits(members=3))
    refused(path, out, "more than 9999", limits=Limits(total_bytes=9999))
    refused(path, out, "has 102400 bytes", limits=Limits(member_bytes=99999))
  # A header that claims gigabytes of name, in a few bytes.
  info = tarfile.TarInfo("././@LongLink")
  info.type, info.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
  path = tmp_path / "c.tgz"
  path.write_bytes(gzip.compress(info.tobuf() + bytes(4096)))
  refused(path, out, "a header claims 4294967296 bytes")


def test_sizes_that_are_not_true_are_refused(tmp_path):
  path = make_zip(tmp_path / "a.zip", {WINDOW: b"x" * 5000})
  data = path.read_bytes()
  for said, words in (
    # With a sum that fits what is stated, or what is there up to one more.
    (4000, "Bad CRC-32|more than the 4000 bytes"),
    (6000, "less than the 6000 bytes"),
  ):
    for size in (5000, said, said + 1):
      changed = data.replace(struct.pack("<I", 5000), struct.pack("<I", said))
      sums = [
        struct.pack("<I", zlib.crc32(b"x" * count)) for count in (5000, size)
      ]
      path.write_bytes(changed.replace(*sums))
      refused(path, tmp_path / "out", words if size == 5000 else "w.npy")


def test_encrypted_and_unusual_members_are_refused(tmp_path):
  path = make_zip(tmp_path / "a.zip", {WINDOW: b"x"})
  data = bytearray(path.read_bytes())
  central = data.index(b"PK\x01\x02")
  data[central + 8] |= 1
  path.write_bytes(data)
  refused(path, tmp_path / "out", "is encrypted")
  for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
    path = make_zip(tmp_path / "a.zip", FILES, compress_type=kind)
    refused(path, tmp_path / "out", "is compressed by method")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_damaged_archives_are_refused(tmp_path, make):
  """Cut or changed anywhere: refused, or the same files."""
  rng = random.Random(0)
  noise = {**FILES, f"AMPL/{WINDOW}": rng.randbytes(3000)}
  path = make(tmp_path / "a.bin", noise)
  data = path.read_bytes()
  archive.extract([path], tmp_path / "whole", progress=False)
  whole = held(tmp_path / "whole")
  got_through = 0
  for round_ in range(120):
    changed = bytearray(data)
    at = rng.randrange(len(data))
    if round_ % 4:
      changed[at] ^= 1 << rng.randrange(8)
    else:
      del changed[at:]
    path.write_bytes(changed)
    out = tmp_path / "out"
    try:
      archive.extract([path], out, progress=False)
    except InputError:
      assert not out.exists()
      continue
    # Times, modes and names of what is left out may change unnoticed.
    got_through += 1
    content = held(out)
    assert {v: k for k, v in whole.items()}.keys() >= set(content.values())
    assert set(content) <= set(whole)
    shutil.rmtree(out)
  assert got_through < 60
  assert not [p for p in tmp_path.iterdir() if "incomplete" in p.name]


def test_nothing_of_ampl_and_no_archive_are_refused(tmp_path):
  out = tmp_path / "out"
  path = make_zip(tmp_path / "a.zip", {"inner.zip": b"", "x/notes.txt": b""})
  refused(path, out, r"nothing of AMPL's layouts \(2 members, such as 'inner")
  path.write_bytes(b"Rar!" + bytes(600))
  refused(path, out, "is no zip, tar or tar.gz archive")
  refused(tmp_path / "none.zip", out, "No such file")
  out.mkdir()
  (out / "mine").write_text("x")
  refused(make_zip(path, FILES), out, "is there already")
  assert held(out) == {"mine": b"x"}


def test_room_is_looked_at_first(tmp_path, monkeypatch):
  usage = types.SimpleNamespace(free=50_000)
  monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
  path = make_zip(tmp_path / "a.zip", FILES)
  refused(path, tmp_path / "out", "free some room")


def test_command_unpacks_and_says_what_to_do_next(tmp_path):
  path = make_zip(tmp_path / "my AMPL.zip", FILES)
  command = [sys.executable, "-m", "bgm2pose_jax.data.extract"]
  done = subprocess.run(
    [*command, f"--archive={path}", f"--out={tmp_path / 'out'}"],
    capture_output=True, text=True, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert "2 files" in done.stdout
  assert "ampl/released" in done.stdout
  assert f"next: python -m bgm2pose_jax.main --ampl_dir={tmp_path}" in (
    done.stdout
  )
  again = subprocess.run(
    [*command, f"--archive={path}", f"--out={tmp_path / 'out'}"],
    capture_output=True, text=True, check=False,
  )  # fmt: skip
  assert again.returncode == 2
  assert again.stderr.count("\n") == 1
  assert again.stderr.startswith("error: ")
  # Where a folder is asked for, an archive leads to this command.
  with pytest.raises(InputError, match=r"data\.extract --archive='.*my AMPL"):
    find.find_dataset(path)
  with pytest.raises(InputError, match=r"bgm2pose_jax\.data\.extract"):
    sources.open_source("ampl/raw", str(path))
