"""`switchyard workflow`, `job`, `schedule`, `secret`, `fleet`: workflows, here and on a server."""
