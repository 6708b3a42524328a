"""Whether the GPU paths do what the CPU paths do, and how fast; see `__main__`."""
