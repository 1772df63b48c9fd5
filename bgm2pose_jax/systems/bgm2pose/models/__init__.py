"""Networks: arrays in, arrays out; see `registry` for their names."""
