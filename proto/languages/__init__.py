"""What the contract becomes in each language: one module per language, each with one object named `LANGUAGE`."""
