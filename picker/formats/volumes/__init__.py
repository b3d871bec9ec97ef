"""Volumes of any kind: one module a file type."""
