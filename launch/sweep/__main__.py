"""`python -m launch.sweep`, from the repository's root."""

from launch.sweep import command

if __name__ == "__main__":
  command.run()
