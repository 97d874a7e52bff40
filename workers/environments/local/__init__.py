"""Environments on this machine: a folder for each, and a process that holds what runs in it.

The holder (`holder.py`) outlives the worker that has started it, and ends with `switchyard up`. It knows the secrets;
the folder does not. What the worker does stands in `provider.py`, and all they share in the small modules beside.
"""
