"""The stages of the task types ``expired-cleanup``, ``cleanup-undo`` and ``cleanup-purge``."""
