"""Volumes to volumes: simulated, rescaled, whitened, normalised; regions of them."""
