"""Which names and origins are served where no token is asked for."""

from __future__ import annotations

import pytest

from services.metrics.errors import Rejected
from services.metrics.protocol.origin import check_origin, host_allowed


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]:8000",
     "[::1]", "192.168.1.20:8000", "metrics:8000", "metrics", "a.localhost:8000", None],
)  # fmt: skip
def test_addresses_and_names_without_a_dot_are_served(host: str | None) -> None:
    assert host_allowed(host, "")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example:8000",
     "evil.example.", "", ":8000", "127.0.0.1:8000.evil.example", "notlocalhost.", "::1:x"],
)  # fmt: skip
def test_names_that_a_web_site_can_have_are_not(host: str) -> None:
    assert not host_allowed(host, "")


def test_a_name_of_ones_own_can_be_allowed() -> None:
    assert host_allowed("Metrics.Example.org:8000", "other.example, metrics.example.org")
    assert not host_allowed("metrics.example.net", "other.example, metrics.example.org")


def test_the_own_origin_is_served_and_every_other_refused() -> None:
    check_origin("localhost:8000", None, "")
    check_origin("localhost:8000", "http://localhost:8000", "")
    for origin in ("http://localhost:3000", "http://evil.example", "null", "", "http://[", "x"):
        with pytest.raises(Rejected, match="another origin") as refused:
            check_origin("localhost:8000", origin, "")
        assert (403, "origin") == (refused.value.status, refused.value.reason)
