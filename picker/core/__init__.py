"""Picks, the tomogram, and files that appear whole or not at all."""
