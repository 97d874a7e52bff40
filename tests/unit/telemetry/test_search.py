"""What a search looks for. Whether it finds it is tested over real databases."""

from hypothesis import given
from hypothesis import strategies as st

from server.telemetry.sessions import search

TEXTS = st.text(alphabet=st.sampled_from('aA1-"*é😀ß\x1f\x1e\U000f0061 _%'), max_size=12)


@given(TEXTS, TEXTS)
def test_the_terms_of_a_text_stand_in_the_index_of_whatever_holds_it(before: str, needle: str) -> None:
    folded = search.fold(needle)
    indexed = search._indexed(search.search_text("id", before + needle, "proxy"))

    assert all(term in indexed for term in search._needle_terms(folded)) or not folded


@given(TEXTS, TEXTS.filter(lambda text: 0 < len(search.fold(text)) <= search.EXACT_LENGTH))
def test_a_short_text_stands_in_the_index_only_of_what_holds_it(held: str, needle: str) -> None:
    text = search.search_text("id", "profile", held)
    indexed = search._indexed(text)
    trigrams = {indexed[start : start + 3] for start in range(len(indexed) - 2)}

    (term,) = search._needle_terms(search.fold(needle))
    assert (term in trigrams) == (search.fold(needle) in text)


def test_nothing_is_found_across_fields() -> None:
    text = search.search_text("ab", "cd", "ef")

    assert "bc" not in text
    assert search.fold("b\x1fc") not in text


def test_quotes_are_doubled_within_the_quotes_of_a_term() -> None:
    assert [search._quoted(term) for term in ('a"b', "NOT", '"')] == ['"a""b"', '"NOT"', '""""']
