"""Many messages in one piece."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.fan_out.parcel import ParcelBroken, pack, unpack

MESSAGES = st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=4), max_size=5)


@given(MESSAGES)
def test_what_is_packed_comes_out_again(messages: list[list[bytes]]) -> None:
    assert unpack(pack(messages)) == messages


@given(st.binary(max_size=60))
def test_anything_else_is_refused_or_holds_whole_messages(data: bytes) -> None:
    try:
        messages = unpack(data)
    except ParcelBroken:
        return
    assert pack(messages) == data


@given(MESSAGES.filter(bool), st.data())
def test_a_parcel_that_was_cut_within_a_message_is_refused(messages: list[list[bytes]], data: st.DataObject) -> None:
    parcel = pack(messages)
    ends = {len(pack(messages[:count])) for count in range(len(messages) + 1)}
    end = data.draw(st.sampled_from([end for end in range(len(parcel)) if end not in ends]))

    with pytest.raises(ParcelBroken):
        unpack(parcel[:end])
