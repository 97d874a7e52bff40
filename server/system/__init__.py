"""What this server is and how it fares: its description and its metrics."""
