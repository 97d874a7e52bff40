"""What every call passes on its way to a servicer: request id, access, bounds, errors, metrics."""
