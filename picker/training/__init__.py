"""Training: one loop for all methods, and the tasks that it runs."""
