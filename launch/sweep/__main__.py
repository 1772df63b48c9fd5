"""`python -m launch.sweep`, from the repository's root.

Flags of a run are those of `python -m bgm2pose_jax.main`.
"""

from absl import flags

from launch.sweep import command, engines

# --help names the flags of this module alone.
flags.adopt_module_key_flags(command)
flags.adopt_module_key_flags(engines)

if __name__ == "__main__":
  command.run()
