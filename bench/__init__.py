"""Benchmarks: ratios to a named peer in the same run, never a pass or fail on seconds.

``python -m bench`` runs all of them, ``python -m bench data`` one, and writes docs/benchmarks.md.
A benchmark is a module with ``measure(scale) -> list[Row]``.
"""
