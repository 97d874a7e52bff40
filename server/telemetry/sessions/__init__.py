"""Browser sessions: where they are kept, how they are found, and when they end and go."""
