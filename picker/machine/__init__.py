"""The machine that a job runs on: its device, and what that is fast at."""
