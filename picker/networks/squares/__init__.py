"""Bricks of networks that answer square boxes of particles in 2D patches."""
