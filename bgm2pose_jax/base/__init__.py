"""What every room stands on: errors, axis letters, paths, how commands end."""
