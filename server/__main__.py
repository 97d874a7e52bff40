"""`python -m server` runs a server as the environment says."""

import sys

from server.main import main

if __name__ == "__main__":
    sys.exit(main())
