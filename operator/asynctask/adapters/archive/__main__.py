"""`python -m asynctask.adapters.archive`."""

import sys

from asynctask.adapters.archive.cli import main

sys.exit(main())
