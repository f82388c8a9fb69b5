"""Makes an index in a process of its own: `python -m asynctask.adapters.reviewindex LIST INDEX NOW MAX_ITEMS`.

A million items are seconds of work that would take turns with every call of the gateway. Exit code 65: the list
can't be reviewed, and the first line of stderr says why.
"""

import sys
from pathlib import Path

from asynctask.adapters.reviewindex.building import InvalidList, build

INVALID = 65

if __name__ == "__main__":
    source, target, now, max_items = sys.argv[1:]
    try:
        build(Path(source), Path(target), now=int(now), max_items=int(max_items))
    except InvalidList as error:
        sys.stderr.write(f"{str(error)[:900]}\n")
        sys.exit(INVALID)
