"""Fenced blocks as CommonMark has them: https://spec.commonmark.org/0.31.2/#fenced-code-blocks."""

from pathlib import Path

import pytest

from tests.end_to_end.published.reader import DOCUMENTS, Block, blocks, folder_of_documents, read_documents

PAGE = """\
# A page

## First part

```bash
# no heading
curl x
```

### GET /things/{id}

#### Response
1. **In a list:**
   ```json
   {
     "a": 1
   }
   ```

~~~
``` no fence inside of tildes
~~~
"""


def test_a_block_is_named_by_its_heading_and_its_place_below_it() -> None:
    assert blocks("page", PAGE) == [
        Block("page", "first-part", 1, "bash", "# no heading\ncurl x\n"),
        Block("page", "get-things-id", 1, "json", '{\n  "a": 1\n}\n'),
        Block("page", "get-things-id", 2, "", "``` no fence inside of tildes\n"),
    ]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("```\nleft open", "left open\n"),
        ("````\n```\n````", "```\n"),
        # Less indentation than the fence has is no reason to lose letters.
        ("  ```\na\n    b\n  ```", "a\n  b\n"),
    ],
)
def test_what_is_in_a_fence_is_kept(page: str, text: str) -> None:
    assert [block.text for block in blocks("page", page)] == [text]


def test_documents_are_found_only_when_all_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "given" / "api"
    folder.mkdir(parents=True)
    for name in DOCUMENTS[1:]:
        (folder / f"{name}.md").write_text(PAGE)
    too_few = folder_of_documents(tmp_path / "project")
    (folder / f"{DOCUMENTS[0]}.md").write_text(PAGE)

    found = folder_of_documents(tmp_path / "project")

    assert (too_few, found) == (None, folder)
    assert len(read_documents(found)) == 3 * len(DOCUMENTS)
    assert list(read_documents(None)) == []
