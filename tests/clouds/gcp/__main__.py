"""Google Cloud as a process: `python -m tests.clouds.gcp --port N`."""

from tests.clouds.as_process import main
from tests.clouds.gcp.server import gcp

if __name__ == "__main__":
    main(gcp)
