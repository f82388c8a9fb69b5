"""file-backup against the tools that people would use instead."""
