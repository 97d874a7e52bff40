"""Stand-ins of clouds on loopback, for tests of their providers and of the whole."""
