"""Alerts: what is wrong, who is told, once, and what became of it."""
