"""Commands for a checkout: sweeps, benchmarks, studies. Not installed."""
