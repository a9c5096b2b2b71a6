"""How fast and how good: `python -m benchmarks.paint`. Not part of the package, and not tests."""
