"""The three stages of the task type ``file-backup``."""
