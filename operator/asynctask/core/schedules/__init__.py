"""Schedules: which task is due when, and how old the last good result is."""
