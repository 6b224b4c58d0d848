"""Measurements of what the product promises in numbers: one function a figure, one JSON object a line."""
