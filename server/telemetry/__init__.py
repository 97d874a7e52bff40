"""Telemetry: browser sessions, what happens in them, and how their proxies fare."""
