"""`switchyard up`, `doctor` and the like: the processes of an installation on this machine."""
