"""AWS on loopback: moto as a process, and before it a front that runs what moto only notes, and injects faults."""
