"""Picks held against known particles."""
