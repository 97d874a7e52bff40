"""Which service a path without a route would belong to, so that its error looks like the ones around it."""

from collections.abc import Iterable

from gateway.contract.error_form import ErrorForm
from gateway.contract.services import Method


class SimilarRoutes:
    """Knows the fixed beginnings of all paths, segment by segment."""

    def __init__(self, methods: Iterable[Method], default: ErrorForm) -> None:
        self._default = default
        self._forms: dict[bytes, ErrorForm] = {}
        for method in methods:
            for binding in method.bindings:
                for beginning in _beginnings(binding.template):
                    self._forms.setdefault(beginning, method.error_form)
        self._longest = max((beginning.count(b"/") for beginning in self._forms), default=0)

    def form(self, raw_path: bytes) -> ErrorForm:
        """Form of errors of the service that shares the longest beginning with `raw_path`; the default if none does."""
        # A path may have tens of thousands of slashes; what is behind the longest beginning is not looked at.
        segments = raw_path.split(b"/", self._longest + 1)[: self._longest + 1]
        for count in range(len(segments), 1, -1):
            found = self._forms.get(b"/".join(segments[:count]))
            if found is not None:
                return found
        return self._default


def shared_form(methods: Iterable[Method]) -> ErrorForm:
    """Form of errors that all services of `methods` have; the one of services without options if they differ."""
    forms = [method.error_form for method in methods if method.bindings]
    return forms[0] if forms and all(form == forms[0] for form in forms) else ErrorForm()


def _beginnings(template: str) -> Iterable[bytes]:
    """ "/a/b/{id}" begins with "/a" and "/a/b"."""
    fixed = template.partition("{")[0].partition("*")[0]
    path = ""
    for segment in fixed.rpartition("/")[0].split("/")[1:] if fixed != template else template.split("/")[1:]:
        path += f"/{segment}"
        yield path.encode()
