"""The zygote: a small process with every import done, which forks keepers on demand.

It has one thread and no event loop, so that a fork of it is whole. It knows nothing of the runs it makes: four
descriptors come with each order, are handed to the child and closed.
"""

import gc
import importlib
import os
import signal
import socket
from collections.abc import Mapping
from typing import NoReturn

from workers.runner import keeper, linux, run_process
from workers.runner.messages import FORK, READY, ZYGOTE_NAME


def serve(control: socket.socket, program_names: Mapping[str, str]) -> None:
    """Fork a keeper for each order that comes over `control`; return when the worker is gone.

    `program_names` are "module:function" by the name a job calls them by, see `run_process.Program`.
    """
    linux.set_name(ZYGOTE_NAME)
    for number in (signal.SIGINT, signal.SIGHUP):  # Ctrl-C reaches the worker, which knows how to stop
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers that ended are collected by the kernel
    programs = {name: load(program_name) for name, program_name in program_names.items()}
    gc.collect()
    gc.freeze()  # what is imported now stays in memory pages that all forks share
    control.send(READY)
    while True:
        order, descriptors, _, _ = socket.recv_fds(control, 16, 4)
        if order != FORK:
            return
        if os.fork() == 0:
            control.close()
            _become_keeper(descriptors, programs)
        for descriptor in descriptors:
            os.close(descriptor)


def load(program_name: str) -> run_process.Program:
    """Import "module:function" and return the function."""
    module, _, name = program_name.partition(":")
    program: run_process.Program = getattr(importlib.import_module(module), name)
    return program


def _become_keeper(descriptors: list[int], programs: Mapping[str, run_process.Program]) -> NoReturn:
    channel, lifeline, stdout, stderr = descriptors
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    keeper.keep(
        socket.socket(fileno=lifeline),
        lambda: run_process.execute(socket.socket(fileno=channel), programs, stdout=stdout, stderr=stderr),
        not_for_keeper=(channel, stdout, stderr),
    )
