"""What every page shares: HTML shell, skeleton player, charts, tables."""
