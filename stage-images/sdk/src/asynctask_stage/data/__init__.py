"""Blocks that movers are built of: scan, compare, transfer and verify trees of files, resumable at any moment.

They work on a **catalog**, one SQLite file of a run in the stage's workspace; no tree is held in memory. The order:
``scanning`` (list the source, compare with the target) → ``finishing`` (links, totals, plan) → ``trees`` (directories,
symbolic links) → ``smallfiles`` and ``largefiles`` (content) → ``folders`` (times and modes of directories, last) →
``verifying``. Needs the extra ``data`` of the distribution (blake3).

Others clean up: ``expiring`` (list what has expired) → ``deletion`` and ``emptying`` (take exactly what was approved
out of the tree) → ``undoing`` or ``purging``.

Three rules hold everywhere:

* A path is bytes relative to a ``Root`` and is reached component by component without following symbolic links, so a
  link planted in a tree can't lead out of it.
* A file stands under its final name only when it is complete and on stable storage; until then it has a temporary name
  (``names``).
* A row says ``done`` only after what it stands for is on stable storage; whatever a crash leaves undone is done again.
"""
