"""Figures of a small program's text, against sums by hand."""

from __future__ import annotations

import textwrap

import pytest

from launch.bench import program_text

# ruff: noqa: E501
_TEXT = textwrap.dedent(
  """\
  HloModule jit_step, is_scheduled=true

  FileNames
  1 "/somewhere/bgm2pose_jax/training/steps.py"
  2 "/somewhere/bgm2pose_jax/base/array_typing.py"
  3 "/elsewhere/optax/transform.py"
  4 "/somewhere/bgm2pose_jax/nn/blocks.py"

  FunctionNames
  1 "step"

  FileLocations
  1 {file_name_id=1 function_name_id=1 line=1 end_line=1 column=1 end_column=1}
  2 {file_name_id=2 function_name_id=1 line=2 end_line=2 column=1 end_column=1}
  3 {file_name_id=3 function_name_id=1 line=3 end_line=3 column=1 end_column=1}
  4 {file_name_id=4 function_name_id=1 line=3 end_line=3 column=1 end_column=1}

  StackFrames
  1 {file_location_id=1 parent_frame_id=1}
  2 {file_location_id=2 parent_frame_id=2}
  3 {file_location_id=3 parent_frame_id=2}
  4 {file_location_id=4 parent_frame_id=3}

  %cut (p0: f32[1000], p1: f32[8]) -> f32[8] {
    %p0 = f32[1000]{0} parameter(0)
    %p1 = f32[8]{0} parameter(1)
    %piece = f32[8]{0} slice(%p0), slice={[8:16]}
    ROOT %sum = f32[8]{0} add(%piece, %p1)
  }

  %joined (p0: f32[1000], p1: f32[24]) -> f32[4] {
    %p0 = f32[1000]{0} parameter(0)
    %p1 = f32[24]{0} parameter(1)
    %both = f32[1024]{0} concatenate(%p0, %p1), dimensions={0}
    ROOT %few = f32[4]{0} slice(%both), slice={[0:4]}
  }

  %update (p0: f32[1000], p1: f32[24], p2: f32[2,500]) -> (f32[4]) {
    %p0 = f32[1000]{0} parameter(0)
    %p1 = f32[24]{0} parameter(1)
    %p2 = f32[2,500]{1,0} parameter(2)
    %zero = f32[] constant(0)
    %sums = f32[500]{0} reduce(%p2, %zero), dimensions={0}, to_apply=%add
    %two = f32[1000]{0} concatenate(%sums, %sums), dimensions={0}
    %scaled = f32[1000]{0} multiply(%p0, %two)
    %both = f32[1024]{0} concatenate(%scaled, %p1), dimensions={0}
    %few = f32[4]{0} slice(%both), slice={[0:4]}
    ROOT %results = (f32[4]{0}) tuple(%few)
  }

  %product (p0: f32[16,32], p1: f32[32,2]) -> f32[16,2] {
    %p0 = f32[16,32]{1,0} parameter(0)
    %p1 = f32[32,2]{1,0} parameter(1)
    ROOT %dot = f32[16,2]{1,0} dot(%p0, %p1), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  }

  %body (state: (s32[], bf16[64])) -> (s32[], bf16[64]) {
    %state = (s32[], bf16[64]{0}) parameter(0)
    %x = bf16[64]{0} get-tuple-element(%state), index=1
    %negated = bf16[64]{0} negate(%x), metadata={op_name="n" stack_frame_id=2}
    ROOT %next = (s32[], bf16[64]{0}) tuple(%state, %negated)
  }

  %go (state: (s32[], bf16[64])) -> pred[] {
    %state = (s32[], bf16[64]{0}) parameter(0)
    ROOT %yes = pred[] constant(true)
  }

  ENTRY %main (a: f32[1000], b: f32[8], c: f32[24], d: f32[16,32], e: f32[32,2], p: f32[2,500]) -> f32[8] {
    %a = f32[1000]{0} parameter(0)
    %b = f32[8]{0} parameter(1)
    %c = f32[24]{0} parameter(2)
    %d = f32[16,32]{1,0} parameter(3)
    %e = f32[32,2]{1,0} parameter(4)
    %p = f32[2,500]{1,0} parameter(5)
    %f = f32[8]{0} fusion(%a, %b), kind=kLoop, calls=%cut, metadata={op_name="f" stack_frame_id=4}, backend_config={"window_config":{"estimated_cycles":"70"}}
    %g = f32[4]{0} fusion(%a, %c), kind=kLoop, calls=%joined, metadata={op_name="g" stack_frame_id=3}
    %h = f32[16,2]{1,0:T(8,128)S(1)} fusion(%d, %e), kind=kOutput, calls=%product, metadata={source_file="/x/bgm2pose_jax/nn/dense.py" source_line=3}
    %i = (f32[4]{0}) fusion(%a, %c, %p), kind=kLoop, calls=%update
    %start = (f32[8]{0:T(128)S(1)}, f32[8]{0}, u32[]) copy-start(%f)
    %done = f32[8]{0:T(128)S(1)} copy-done(%start)
    %some = ((f32[1000]{0}), f32[8]{0:T(8)S(1)}, u32[]) slice-start(%a), slice={[8:16]}
    %got = f32[8]{0:T(8)S(1)} slice-done(%some)
    %row = f32[1]{0} slice(%done), slice={[0:1]}
    %k = f32[8]{0:T(8)S(1)} fusion(%done, %b), kind=kLoop, calls=%cut
    %loop = (s32[], bf16[64]{0}) while(%t), condition=%go, body=%body, backend_config={"known_trip_count":{"n":"5"}}
    ROOT %all = f32[8]{0} all-reduce(%f), channel_id=1, replica_groups={{0,1}}, to_apply=%add
  }
  """
)


@pytest.fixture(scope="module")
def found():
  return {o.name: o for o in program_text.operations(_TEXT)}


def test_what_runs_and_how_often(found):
  assert list(found) == [
    *("f", "g", "h", "i", "start", "some", "row", "k", "negated", "all")
  ]
  assert {name for name, o in found.items() if o.times != 1} == {"negated"}
  assert found["negated"].times == 5


@pytest.mark.parametrize(
  ("name", "nbytes"),
  [
    # A piece of 8 of the first, 8 of the second, 8 made.
    ("f", 4 * 24),
    # No more than the 4 that are made, of each.
    ("g", 4 * 12),
    # Four are kept of what is computed: four of either list, and the sums that
    # may stand in either half.
    ("i", 4 * (4 + 4 + 4 + 2 * 2 * 4)),
    # A product reads all; its result stays on the chip.
    ("h", 4 * (16 * 32 + 32 * 2)),
    # Read from memory, made on the chip.
    ("start", 4 * 8),
    # A piece of what is in memory, put on the chip, is read from memory.
    ("some", 4 * 8),
    # A piece of what is on the chip is not, also where a fusion cuts it.
    ("row", 4),
    ("k", 4 * 8),
    ("negated", 5 * 2 * (64 + 64)),
    ("all", 4 * 16),
  ],
)
def test_bytes(found, name, nbytes):
  assert found[name].moved_bytes == nbytes


def test_arrays_are_filled_up_to_tiles():
  assert found_nbytes("f32[16,2]{1,0:T(8,128)S(1)}") == 16 * 128 * 4
  assert found_nbytes("f32[16,2]{0,1:T(8,128)}") == 8 * 128 * 4
  assert found_nbytes("bf16[3,5,130]{2,1,0:T(8,128)(2,1)}") == 3 * 8 * 256 * 2
  assert found_nbytes("f32[]{:T(128)}") == 128 * 4
  assert found_nbytes("pred[7]{0}") == 7
  assert found_nbytes("f8e4m3fn[7]{0}") == 7
  (one,) = program_text.arrays("bf16[3,5]{1,0}")
  assert str(one) == "bf16[3,5]"


def found_nbytes(text: str) -> int:
  (one,) = program_text.arrays(text)
  return one.nbytes


def test_sources_and_cycles(found):
  assert found["f"].source == "nn/blocks.py"
  # Not the wrapper, and not another package: the module that called them.
  assert found["negated"].source == "training/steps.py"
  assert found["g"].source == "training/steps.py"
  assert found["h"].source == "nn/dense.py"
  assert found["all"].source == program_text.ELSEWHERE
  assert found["f"].cycles == 70
  assert found["g"].cycles is None
