"""Whether environments are used, what keeps them awake, and when they are stopped."""
