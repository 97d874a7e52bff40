"""AWS as a process: `python -m tests.clouds.aws --port N`."""

from tests.clouds.as_process import main
from tests.clouds.aws.front import aws

if __name__ == "__main__":
    main(aws)
