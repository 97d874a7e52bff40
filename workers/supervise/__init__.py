"""The supervisor inside an environment: sees whether anybody uses it, and reports that.

It runs wherever an environment runs and stays in its memory, so it needs nothing but Python's own library.
"""

from typing import Final

# Exit code that says that the server wants no more reports, however often they are offered.
REFUSED: Final = 3
