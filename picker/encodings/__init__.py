"""Particles to arrays and back: always an inverse pair."""
