"""A command in the terminal of a shell: what is typed there, and which of all that is shown the command has printed.

Where a cloud offers a terminal and nothing else, it tells neither an exit code nor when the output ends. So what shall
run is typed into a shell, between two marks. The second has the exit code.
"""

import base64
import shlex
from typing import Final

from workers.environments.provider import Output

SHELL: Final = "/bin/sh"
COLUMNS: Final = 200
ROWS: Final = 50
# What ends the program that a terminal shows.
INTERRUPT: Final = "\x03"
# A terminal takes lines of at most 4,095 bytes. Source: termios(3), canonical mode.
_TYPED: Final = 2_000
# A longer line is handed over in pieces, as nobody knows whether it ever ends.
_LINE: Final = 1 << 16


class MarkedOutput:
    """Picks the lines of a command out of all that a terminal shows."""

    def __init__(self, mark: str, output: Output) -> None:
        self.mark = mark
        self._output = output
        self._rest = ""
        self._blank = False
        self.begun = False
        # Set once the command has ended.
        self.exit_code: int | None = None

    def take(self, text: str) -> bool:
        """Take what the terminal shows next; return whether the command has ended."""
        *lines, self._rest = (self._rest + text.replace("\r", "")).split("\n")
        if any(self._line(line) for line in lines):
            return True
        if len(self._rest) > _LINE:
            self._line(self._rest)
            self._rest = ""
        return False

    def _line(self, line: str) -> bool:
        if not self.begun:
            self.begun = line == self.mark
            return False
        if line.startswith(f"{self.mark} "):
            # The blank line before it, if there is one, is the mark's own beginning.
            self.exit_code = int(line.rpartition(" ")[2])
            return True
        if self._blank:
            self._output("")
        self._blank = not line
        if line:
            self._output(line)
        return False


def typed(script: str, mark: str, folder: str, into: str = "") -> list[str]:
    """Return the lines that run `script` in `folder`; what it prints goes to the file `into`, if there is one.

    The script is encoded, so that no byte of it means anything to the terminal. All that runs stands in one line, after
    the echo of which nothing but its output is shown. The mark is typed in two halves, so that no echo is taken for it.
    """
    encoded = base64.b64encode(script.encode()).decode()
    pieces = [encoded[start : start + _TYPED] for start in range(0, len(encoded), _TYPED)]
    say = f"printf '\\n%s%s%s\\n' {mark[:4]} {mark[4:]}"
    redirected = f">{shlex.quote(into)} 2>&1" if into else "2>&1"
    return [
        f"stty -echo; cd {shlex.quote(folder)}; code=\n",
        *(f"code=${{code}}{piece}\n" for piece in pieces),
        f'{say} \'\'; sh -c "$(printf %s "$code" | base64 -d)" </dev/null {redirected}; {say} " $?"; exit\n',
    ]
