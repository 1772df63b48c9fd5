"""A folder of hostile inputs, and the commands that are given them."""

from __future__ import annotations

import json
import os
import pathlib
import pickle
import shutil
import zipfile
from collections.abc import Callable, Sequence

import numpy as np
import soundfile

from bgm2pose_jax.systems.bgm2pose.ampl import released_table
from tests.hostile import sound, text
from tests.hostile.arrays import Trap, archive, npy
from tests.hostile.commands import OUT, Command

_DEEP = "[" * 100_000


def make_folder(work: pathlib.Path, run: pathlib.Path | None) -> None:
  """Writes the inputs.

  Args:
    work: empty folder.
    run: of a trained network, to be copied; None leaves it out.
  """
  for name in ("cache", "log", "tmp"):
    (work / name).mkdir()
  noise = sound.noise
  sounds = {
    "R.wav": sound.wav(noise(4)),
    "M.wav": sound.wav(noise(2)),
    "nan.wav": sound.wav(np.full((60000, 4), np.nan, np.float32), kind=3),
    "three.wav": sound.wav(noise(3)),
    "one.wav": sound.wav(noise(1)),
    "400gb.wav": sound.wav(noise(4), claimed=2**32 - 2),
    "fast.wav": sound.wav(noise(4), 2**31 - 1),
    "html.wav": b"<html><script>alert(1)</script>",
    "empty.wav": b"",
    "cut.wav": sound.wav(noise(4))[:-9999],
    "no_samples.wav": sound.wav(noise(4)[:0]),
    "odd\n\x1b[31m<b>.wav": b"odd",
  }
  for name, data in sounds.items():
    (work / name).write_bytes(data)
  with soundfile.SoundFile(work / "bomb.flac", "w", 48000, 4) as file:
    for _ in range(10):
      file.write(np.zeros((60 * 48000, 4), np.int16))
  os.mkfifo(work / "pipe")
  (work / "loop").symlink_to("loop")
  (work / "file").write_text("a file")
  _text(work)
  _folders(work)
  if run is not None:
    _runs(work, run)


def _text(work: pathlib.Path) -> None:
  (work / "deep.json").write_text(_DEEP)
  (work / "order.json").write_text('{"max_order": 1000000000}')
  (work / "nan.json").write_text('{"room_m": [NaN, 3, 6]}')
  (work / "commas.csv").write_bytes(
    text.positions().replace(b",", b";").replace(b".", b",")
  )
  (work / "trap.pth").write_bytes(pickle.dumps(Trap()))
  (work / "bomb.pth").write_bytes(
    archive({"archive/data.pkl": bytes(300 << 20)}, zipfile.ZIP_DEFLATED)
  )
  (work / "html.pth").write_text("<html>")
  (work / "room.npz").write_bytes(
    archive(
      {
        "response.npy": npy(np.zeros((4, 2, 9), "<f4"), shape="(10**11,)"),
        "sample_rate_hz.npy": npy(np.array(48000)),
      }
    )
  )


def _folders(work: pathlib.Path) -> None:
  def folder(name: str, **files: bytes) -> pathlib.Path:
    (work / name).mkdir(parents=True)
    for file, data in files.items():
      (work / name / file).write_bytes(data)
    return work / name

  folder("deep_bvh", **{"ann_1.bvh": text.bvh(10_000, 1, 1)})
  folder("long_bvh", **{"ann_1.bvh": text.bvh(frames=10**9)})
  folder("html_music", **{"song.wav": b"<html>"})
  folder(
    "odd_genres",
    **{"song.wav": sound.wav(sound.noise(2)),
       "genres.csv": b"\xff\xfe\0"},
  )  # fmt: skip
  folder("noises", **{"a.wav": sound.wav(sound.noise(4))})
  folder("odd_names", **{"odd\n\x1b[31m.wav": sound.wav(sound.noise(4))})
  odd = folder("odd_sounds")
  for name in ("nan.wav", "400gb.wav", "html.wav", "empty.wav", "bomb.flac"):
    shutil.copy(work / name, odd / name)
  os.mkfifo(odd / "pipe.wav")
  folder("deep_run", **{"config.json": _DEEP.encode()})
  folder("deep_sweep", **{"sweep.json": _DEEP.encode()})
  sweep = folder(
    "bomb_sweep",
    **{"sweep.json": json.dumps(text.json_texts()["sweep"]).encode()},
  )
  (sweep / "runs" / "a").mkdir(parents=True)
  (sweep / "runs" / "a" / "results.json").write_text('{"rmse": "\\ud800"}')
  for name, file in (("raw_nan", "nan.wav"), ("raw_cut", "cut.wav")):
    sounds = folder(f"{name}/data/sound_cut")
    shutil.copy(work / file, sounds / "subject_0_arnor_cut.wav")
    shutil.copy(work / "M.wav", sounds / "arnor_input.WAV")
    odd = folder(f"{name}/data/annotations")
    (odd / "subject_0_arnor.txt").write_text("0,0 1,2 wave\n")
    odd = folder(f"{name}/data/poses_synchronized")
    (odd / "subject_0_arnor_position.csv").write_bytes(b"\0" * 99)
  pipes = folder("raw_pipes/data/sound_cut")
  os.mkfifo(pipes / "subject_0_arnor_cut.wav")
  os.mkfifo(pipes / "arnor_input.WAV")
  (pipes / "subject_<script>_arnor_cut.wav").write_bytes(b"")
  spec = folder("outside/dataset_spec_2400")
  row = "../../../etc/passwd,wave,subject_0,arnor,0.6,"
  (spec / "music_intensity.csv").write_text(
    ",".join(released_table.COLUMNS) + f"\n{row}\n"
  )
  deep = folder("deep_table/dataset_spec_2400")
  (deep / "music_intensity.csv").write_bytes(b"a" * 10_000_000)
  (deep / "tracks.json").write_text(_DEEP)
  export = folder("deep_export", **{"config.json": _DEEP.encode()})
  (export / "SHA256SUMS").write_text(f"{'0' * 64}  config.json\n")
  export = folder("pipe_export", **{"SHA256SUMS": b"0  model\n"})
  os.mkfifo(export / "model")
  folder("text_export", **{"SHA256SUMS": bytes(range(256))})


def _runs(work: pathlib.Path, run: pathlib.Path) -> None:
  shutil.copytree(run, work / "run")

  def changed(name: str, act: Callable[[pathlib.Path], object]) -> None:
    shutil.copytree(run, work / name)
    act(work / name)

  changed("run_deep", lambda x: (x / "config.json").write_text(_DEEP))
  changed("run_list", lambda x: (x / "model.json").write_text("[]"))
  changed("run_facts", lambda x: _edit(x / "model.json", tracks=7))
  changed("run_spec", lambda x: _edit(x / "model.json", spec={"bands": []}))
  changed("run_config", lambda x: _edit(x / "config.json", config=[1]))
  changed("run_link", _link_one)
  changed("run_cut", _cut_all)


def _edit(path: pathlib.Path, **changes: object) -> None:
  path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _files(run: pathlib.Path) -> Sequence[pathlib.Path]:
  found = sorted((run / "checkpoints").rglob("*"))
  return [x for x in found if x.is_file() and x.name != "commit_success.txt"]


def _link_one(run: pathlib.Path) -> None:
  path = _files(run)[-1]
  path.unlink()
  path.symlink_to("/etc/passwd")


def _cut_all(run: pathlib.Path) -> None:
  for path in _files(run):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def commands(with_run: bool) -> list[Command]:
  """The command lines; those that need a trained network with one alone."""
  out = f"--out={OUT}"

  def pair(recording: str, music: str = "M.wav") -> tuple[str, str]:
    return f"--recording={recording}", f"--music={music}"

  def command(fault: str, module: str, *flags: str, **more) -> Command:
    return Command(fault, module, flags, **more)

  main = ("main", "--setting=single", f"--workdir={OUT}")
  found = [
    command("path", *main, "--ampl_dir=none"),
    command("path", *main, "--ampl_dir=file"),
    command("path", *main, "--init_from=loop"),
    command("path", *main[:2], "--workdir=file"),
    command("flag", *main, f"--set=network.width={_DEEP}"),
    command("flag", *main, "--nosuch=1"),
    command("flag", *main, "--set=<script>=1"),
    command("flag", *main, "odd\n\x1b[2J"),
    command("JSON", *main[:2], "--workdir=deep_run"),
    command("motion", *main, "--mocap_dir=deep_bvh"),
    command("motion", *main, "--mocap_dir=long_bvh"),
    command("sound", *main, "--music_dir=html_music"),
    command("sound", *main, "--ampl_dir=raw_nan", "--test_track=arnor"),
    command("array", *main, "--static_response=room.npz",
            "--features=music_kernel", "--ampl_dir=raw_nan"),
    *(
      command("sound", "align", *pair(name), out)
      for name in ("nan.wav", "three.wav", "400gb.wav", "fast.wav",
                   "html.wav", "empty.wav", "no_samples.wav", "bomb.flac",
                   "odd\n\x1b[31m<b>.wav")
    ),
    command("path", "align", *pair("pipe"), out),
    command("path", "align", *pair("/dev/zero"), out),
    command("path", "align", *pair("R.wav", "deep_run"), out),
    command("JSON", "simulate", out, "--scene=deep.json"),
    command("JSON", "simulate", out, "--scene=order.json"),
    command("JSON", "simulate", out, "--scene=nan.json"),
    command("path", "simulate", out, "--scene=pipe"),
    command("motion", "simulate", out, "--mocap_dir=deep_bvh"),
    command("text", "simulate", out, "--music_dir=odd_genres"),
    command("path", "simulate", "--out=file/x", "--subjects=1"),
    command("path", "doctor", "none"),
    command("path", "doctor", "file"),
    *(
      command("folder", "doctor", name, f"--json={OUT}/{name}.json",
              status=(0, 1))
      for name in ("raw_nan", "raw_cut", "raw_pipes", "outside", "deep_table")
    ),
    *(
      command("export", "export", f"--from_export={name}", out)
      for name in ("deep_export", "pipe_export", "text_export", "none")
    ),
    *(
      command("torch", "convert", f"--from_torch={name}", "--model=bgm2pose",
              out)
      for name in ("trap.pth", "bomb.pth", "html.pth", "pipe", "none")
    ),
    *(
      command("sound", "kernel", "extract", f"--recordings={recordings}",
              f"--empty={empty}", f"--sweep={sweep}", out)
      for recordings, empty, sweep in (
        ("odd_sounds", "odd_sounds", "one.wav"),
        ("odd_sounds", "noises", "one.wav"),
        ("odd_names", "noises", "one.wav"),
        ("noises", "none", "one.wav"),
        ("noises", "file", "one.wav"),
        ("noises", "noises", "pipe"),
        ("noises", "noises", "nan.wav"),
        ("noises", "noises", "bomb.flac"),
      )
    ),
    command("flag", "kernel", "odd\n\x1b[2J", out),
    command("flag", "kernel", "sweep", "--out=file/x.wav"),
    command("flag", "kernel", "sweep", f"--out={OUT}/x.wav",
            f"--gains_db={_DEEP}"),
    command("JSON", "comparison", "--sweep=deep_sweep"),
    command("path", "comparison", "--sweep=none"),
    *(
      command("folder", "data.prepare", f"--ampl_dir={name}",
              f"--data_dir={OUT}")
      for name in ("raw_nan", "raw_cut", "raw_pipes", "outside", "deep_table")
    ),
    *(
      command("sound", "data.response_file", *pair(name), f"--out={OUT}/r.npz")
      for name in ("400gb.wav", "pipe", "nan.wav", "bomb.flac")
    ),
  ]  # fmt: skip
  if not with_run:
    return found
  run = "--checkpoint=run"
  stream = ("--music=M.wav", "--speed=0", "--offset_ms=0")
  return [
    *found,
    *(
      command("checkpoint", "predict", f"--checkpoint={name}", *pair("R.wav"),
              out)
      for name in ("run_deep", "run_list", "run_facts", "run_spec",
                   "run_config", "run_link", "run_cut", "none", "loop")
    ),
    command("sound", "predict", run, *pair("nan.wav"), out),
    command("sound", "predict", run, *pair("bomb.flac"), out),
    command("text", "predict", run, *pair("R.wav"), "--offset_ms=0",
            "--poses=commas.csv", out),
    command("checkpoint", "export", "--checkpoint=run_cut", out),
    command("checkpoint", "convert", "--checkpoint=run_cut",
            f"--to_torch={OUT}/x.pth"),
    *(
      command("sound", "stream", run, f"--input={name}", *stream)
      for name in ("nan.wav", "three.wav", "pipe", "none", "cut.wav")
    ),
    command("sound", "stream", run, "--input=-", *stream, stdin="html.wav",
            status=(0, 2)),
    command("checkpoint", "stream", "--checkpoint=run_link", "--input=R.wav",
            *stream),
  ]  # fmt: skip
