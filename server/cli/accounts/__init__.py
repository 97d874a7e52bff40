"""`switchyard users`, `tokens`, `audit`: who may log in, and what everybody did."""
