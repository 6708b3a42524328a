"""Comparisons that print ratios measured in one run; no part of the tests. See README.md."""
