"""A whole control plane in one process, under a clock of its own: generated histories, and the invariants that hold in all of them.

`generate` makes a scenario of a seed, `world` has the parts, `play` lets it happen, `invariants/` says what must hold at each
effect, after each step, and when all is quiet. The same seed plays the same history, to the byte.
"""
