"""The page for people. It is files that a browser runs; all they know comes from the API that everybody uses."""
