"""A list that people review, as columns on disk: a million items are filtered, counted and paged in milliseconds.

One directory for each review, beside the task's artifacts, made once from the list and never changed:

| file | holds, by row |
|---|---|
| `list.jsonl` | the list itself, as it was when the review began |
| `paths`, `path_ends` | the paths, each followed by NUL, and where each ends |
| `sizes`, `times`, `types` | bytes; nanoseconds since 1970; the number of the ending in `meta.json` |
| `size_classes`, `age_classes` | the class of each, for facets |
| `starts`, `lines` | where the row's line begins in the list, and its number |
| `by_size`, `by_time` | the rows in these orders |
| `folder_…` | the folders in the order of paths: first row, row after the last, depth, next folder not below it, name |

Rows are in the order of paths, where `/` comes before everything, so that a folder is a span of rows. Numbers are
in the machine's order of bytes, which is the same on all that the product runs on.

A row of SQL for each item was measured and given up: on SQLite, a million took 39 s to take in and 440 MB to keep, a
facet 1 to 4 s, striking half of them off 24 s; and each database would have to be pruned of it.
"""

from asynctask.adapters.reviewindex.building import InvalidList, TooManyItems, build
from asynctask.adapters.reviewindex.index import Index

__all__ = ["Index", "InvalidList", "TooManyItems", "build"]
