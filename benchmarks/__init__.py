"""Side-by-side benchmarks: every figure is measured in one run, against what its users could pick instead.

`python -m benchmarks` prints the table and writes it to `benchmarks/results.md`; `python -m benchmarks NAME` runs one.
"""
