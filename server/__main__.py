"""`python -m server` runs a server as the environment says."""

import gc
import sys

# What a start makes is there to stay, and to look for garbage in it takes a tenth of the time. `run` begins with it.
gc.disable()

from server.main import main  # noqa: E402 - not before

if __name__ == "__main__":
    sys.exit(main())
