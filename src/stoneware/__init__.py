"""Stoneware: machines are never changed, they are replaced."""

__version__ = "0.1.0"
