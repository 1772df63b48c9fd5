"""What a system brings and the shared rooms ask for: records and protocols."""
