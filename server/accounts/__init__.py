"""People who log in: users, their passwords, and sessions of a short access token and a rotating refresh token."""
