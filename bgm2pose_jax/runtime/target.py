"""Which kind of processor a program is traced for.

A few layers have another form on CPUs, or a kernel of their own on TPUs and
GPUs, chosen while they are traced. That is the machine at hand unless a program
is lowered for another one:

    with target.tracing_for("tpu"):
      compiled = step.lower(*arguments).compile()
    with target.tracing_for(target.ANY):
      exported = jax.export.export(step, platforms=("tpu", "cuda"))(*arguments)
"""

from __future__ import annotations

import jax

# One program for every platform: the forms that all of them have.
ANY = "any"
# A context that the compiler's caches know, unlike a global variable: a
# function traced for one kind of processor is traced again for another.
tracing_for = jax.make_user_context(None)


def platform() -> str:
  """Returns `cpu`, `gpu`, `tpu`, as `jax.default_backend` has it, or `ANY`."""
  return tracing_for.value or jax.default_backend()
