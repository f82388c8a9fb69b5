"""Stages' logs as compressed files: `files` has the layout, `writing` writes, `reading` reads."""
