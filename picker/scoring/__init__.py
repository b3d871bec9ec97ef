"""Picks compared with known particles."""
