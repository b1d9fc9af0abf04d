"""Placeholder docstring, replaced when the module is written."""
