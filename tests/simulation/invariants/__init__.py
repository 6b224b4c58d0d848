"""The invariants of docs/ARCHITECTURE.md as functions: each yields a sentence for every violation that it sees.

`traffic`, `machines` and `records` are asked around each effect, `steps` after each step, `rest` when all is quiet.
"""
