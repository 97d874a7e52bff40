"""Who stands behind whom where the processor is scarce, as the kernel tells it."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from workers.processor_share import NICENESS

GROUPS: Final = Path("/proc/self/autogroup")

# Prints the niceness of the process and the weight of its session.
TELL: Final = """
import os, sys
from pathlib import Path
group = Path("/proc/self/autogroup")
print(os.nice(0), group.read_text().split()[-1] if group.exists() else "none", flush=True)
"""
# The same behind others, in a session of its own.
BEHIND: Final = f"""
import os
os.setsid()
from workers.processor_share import stand_back
stand_back()
{TELL}
"""
# Begins a session below this process, has it stand behind others, and lets it tell.
BELOW: Final = f"""
import subprocess, sys
from workers.processor_share import have_sessions_stand_back
child = subprocess.Popen([sys.executable, "-c", "input()" + {TELL!r}], stdin=subprocess.PIPE, start_new_session=True)
have_sessions_stand_back()
child.communicate(b"go")
"""


def told(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_run_stands_behind_others() -> None:
    niceness, group = told(BEHIND)

    assert niceness == str(NICENESS)
    assert group in (str(NICENESS), "none")


@pytest.mark.skipif(not GROUPS.exists(), reason="this kernel does not group processes by session")
def test_so_does_the_session_of_a_browser() -> None:
    _, group = told(BELOW)

    assert group == str(NICENESS)


@pytest.mark.skipif(not GROUPS.exists(), reason="this kernel does not group processes by session")
def test_whoever_begins_it_stays_where_it_was() -> None:
    before = GROUPS.read_text()

    told(BELOW)

    assert GROUPS.read_text() == before
