"""How many pages a list has. Pure."""


def page_count(total: int, per_page: int) -> int:
    """Return how many pages of `per_page` (at least 1) items hold `total` items; none for no items."""
    return -(-total // per_page)
