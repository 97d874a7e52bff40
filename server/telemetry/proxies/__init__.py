"""Proxies: how they fare, whom they are lent to, and why."""
