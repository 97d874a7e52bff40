"""Processes that do the work of runs, and the guard over them.

A zygote (`python -m workers.runner`) has everything imported and forks. Each run gets a keeper, which leads a session
of its own and adopts every process that falls out of the tree below it, and below the keeper the run process. The
keeper ends them all when the run is over, when it is told to, and when the worker is gone.

    worker -> zygote -> keeper -> run process -> driver -> browser

A worker has one keeper and one run process more than it has runs: they wait for the next job.

What runs inside these processes knows no gRPC: it speaks JSON lines with the worker (`messages`).
"""
