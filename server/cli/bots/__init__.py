"""`switchyard bots`: instances, their runs, their webhooks."""
