"""Credentials in `connection_init`."""

from time import thread_time

import pytest

from web.protocols.stream_end import StreamEnded
from web.protocols.websocket_message import read_authorization


def test_a_credential_under_another_name_is_refused():
    with pytest.raises(StreamEnded, match="`authToken` of connection_init is not read"):
        read_authorization({"payload": {"authToken": "pace_1"}})
    found = {"payload": {"headers": {"AUTHORIZATION": "Bearer pace_1", "x-csrf-token": "2"}}}
    assert read_authorization(found) == "Bearer pace_1"


def test_a_long_name_takes_no_time():
    began_s = thread_time()
    assert read_authorization({"payload": {"x" * 200_000: "y"}}) is None
    assert thread_time() - began_s < 0.02
