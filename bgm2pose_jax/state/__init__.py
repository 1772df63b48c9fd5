"""What a run carries from step to step, and how it is saved."""
