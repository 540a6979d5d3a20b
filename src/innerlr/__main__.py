"""`python -m innerlr`."""

import sys

from innerlr.cli import main

sys.exit(main())
