"""`python -m asynctask.crdgen`."""

import sys

from asynctask.crdgen.cli import main

sys.exit(main())
