"""Which files a path may mean."""

import pytest

from server.comfy.workflow_path import below_workflows
from server.errors import InvalidArgument


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("workflows/x.json", "x.json"),
        ("x.json", "x.json"),
        ("a/b/c.json", "a/b/c.json"),
        # A folder of that name below it.
        ("workflows/workflows/x.json", "workflows/x.json"),
        ('it\'s "100%".json', 'it\'s "100%".json'),
        ("..x.json", "..x.json"),
        ("%2e%2e/x.json", "%2e%2e/x.json"),
    ],
)
def test_a_path_means_a_file_below_workflows(path: str, below: str) -> None:
    assert below_workflows(path) == below


@pytest.mark.parametrize(
    "path",
    ["", "workflows/", "/x.json", "workflows//x.json", "..", "../x", "a/../x", "a/..", ".", "a/./b", "a/", "a\\b",
     "a\x00", "a\x7f", "a\r\nb"],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^workflow_path must"):
        below_workflows(path)
