"""A detection transformer for square boxes of particles in 2D patches."""
