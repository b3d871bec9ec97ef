"""Tables that are no picks, and what all tables share."""
