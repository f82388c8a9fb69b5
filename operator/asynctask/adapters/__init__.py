"""Everything that reaches out of the process."""
