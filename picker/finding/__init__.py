"""A volume to candidates."""
