"""Run the suite over both ways of the codec; exit 0 only if every JSON test passes."""

import sys
from pathlib import Path

from gateway.codec.native import AVAILABLE
from tests.conformance.runner import prepare, run
from tests.conformance.testee import WAYS

CACHE = Path(__file__).parents[2] / ".cache" / "conformance"
# Of runner 33.2, editions up to 2023. Fewer would mean that some were not run.
WANTED = {"Required": 2328, "Recommended": 434}


def main() -> int:
    """Prepare what is not there yet, then run."""
    if not AVAILABLE:
        print("`python -m gateway.codec.native` has not built the transcoder, which is to be tested too")  # noqa: T201
        return 1
    prepare(CACHE)
    passed = True
    for way in WAYS:
        outcome = run(CACHE, way)
        counts = ", ".join(f"{outcome.passed[level]} of {WANTED[level]} {level.lower()}" for level in WANTED)
        print(f"{way}: {counts} JSON tests")  # noqa: T201
        for test, reason in outcome.failures.items():
            print(f"  {test}: {reason}")  # noqa: T201
        passed = passed and not outcome.failures and outcome.passed == WANTED
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
