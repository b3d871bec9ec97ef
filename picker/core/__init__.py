"""Picks, the tomogram, files that appear whole or not at all, and texts of messages."""
