"""From an HTTP method and a raw path to an rpc, by the path templates of google/api/http.proto."""

from gateway.routing.router import Match, RouteConflict, Router, WrongMethod

__all__ = ["Match", "RouteConflict", "Router", "WrongMethod"]
