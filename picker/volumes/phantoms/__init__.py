"""Phantom tomograms with known particles."""
