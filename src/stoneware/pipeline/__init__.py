"""Pipelines: the doors that builds and triggers need."""
