"""Side-by-side measurements in one run: ratios, never absolute promises. `make bench` writes docs/benchmarks.md."""
