"""Which service a path without a route would belong to, so that its error looks like the ones around it."""

from collections.abc import Iterable

from gateway.contract.services import Method
from gateway.errors.body import Shape
from gateway_options.v1 import options_pb2


class SimilarRoutes:
    """Knows the fixed beginnings of all paths, segment by segment."""

    def __init__(self, methods: Iterable[Method], default: Shape) -> None:
        self._default = default
        self._shapes: dict[bytes, Shape] = {}
        for method in methods:
            for binding in method.bindings:
                for beginning in _beginnings(binding.template):
                    self._shapes.setdefault(beginning, method.error_shape)
        self._longest = max((beginning.count(b"/") for beginning in self._shapes), default=0)

    def shape(self, raw_path: bytes) -> Shape:
        """Error shape of the service that shares the longest beginning with `raw_path`; the default if none does."""
        # A path may have tens of thousands of slashes; what is behind the longest beginning is not looked at.
        segments = raw_path.split(b"/", self._longest + 1)[: self._longest + 1]
        for count in range(len(segments), 1, -1):
            found = self._shapes.get(b"/".join(segments[:count]))
            if found is not None:
                return found
        return self._default


def shared_shape(methods: Iterable[Method]) -> Shape:
    """Error shape that all services of `methods` have; the one of services without options if they differ."""
    shapes = {method.error_shape for method in methods if method.bindings}
    return shapes.pop() if len(shapes) == 1 else options_pb2.ServiceOptions.ERROR_SHAPE_UNSPECIFIED


def _beginnings(template: str) -> Iterable[bytes]:
    """ "/a/b/{id}" begins with "/a" and "/a/b"."""
    fixed = template.partition("{")[0].partition("*")[0]
    path = ""
    for segment in fixed.rpartition("/")[0].split("/")[1:] if fixed != template else template.split("/")[1:]:
        path += f"/{segment}"
        yield path.encode()
