"""Volumes in files: a reader for each format, and the checks that all share."""
