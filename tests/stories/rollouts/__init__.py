"""Whole rollouts on real containers behind a real proxy, while people ask. A package, so that all of it shares one daemon."""
