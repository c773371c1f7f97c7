"""Who is let in: no other site's page, nobody without the key, nobody from outside by accident."""

from __future__ import annotations

import socket

import httpx
import pytest
from click.testing import CliRunner
from running_server import QUESTION, start

from ragedge.cli.main import cli
from ragedge.errors import ConfigError
from ragedge.serve.access import LOOPBACK_NAMES
from ragedge.serve.listening import Place, access_to, on_tcp, on_unix, read_key

KEY = "0123456789abcdef-key"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "[::2]", ""])
def test_a_name_that_was_rebound_is_refused(served, host):
    with served.client() as client:
        assert client.get("/ragedge/v1/health", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("path", ["/ragedge/v1/ask", "/v1/chat/completions", "/api/chat"])
@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_another_sites_page_is_refused_whatever_it_sends(served, path, headers):
    with served.client() as client:
        answer = client.post(path, content="{}", headers={"content-type": "text/plain", **headers})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert answer.json()["error"]


def test_its_own_page_is_let_in(served):
    with served.client() as client:
        answer = client.post("/ragedge/v1/search", json={"question": "oil"}, headers={"origin": served.url})
    assert answer.status_code == 200


def test_a_unix_socket_is_its_users_alone_and_wants_the_key_where_one_is_set(
    manual_kb, shared_home, tmp_path
):
    key = tmp_path / "key"
    key.write_text(KEY + "\n")
    path = tmp_path / "s"
    server = start(manual_kb, shared_home, tmp_path, "--socket", str(path), "--api-key-file", str(key))
    try:
        assert path.stat().st_mode & 0o777 == 0o600
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)), base_url="http://any", timeout=60
        ) as client:
            assert client.get("/ragedge/v1/health").status_code == 200, "says no more than that it is there"
            for sent in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {KEY}"}):
                for path_of in ("/ragedge/v1/documents", "/v1/models", "/api/tags", "/nothing"):
                    refused = client.get(path_of, headers=sent)
                    assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
            bearer = {"authorization": f"Bearer {KEY}"}
            answer = client.post("/ragedge/v1/search", json={"question": QUESTION}, headers=bearer)
            assert answer.status_code == 200
        assert KEY not in server.log.read_text()
    finally:
        assert server.stop() == 0
    assert not path.exists()


def test_other_machines_reach_it_only_where_flag_and_key_say_so():
    for remote, key in ((False, b""), (True, b""), (False, KEY.encode())):
        with pytest.raises(ConfigError, match="other machines"):
            on_tcp("0.0.0.0", 0, remote=remote, key=key)
    place = on_tcp("0.0.0.0", 0, remote=True, key=KEY.encode())
    place.socket.close()


def test_a_handed_over_socket_is_held_to_the_same():
    with socket.socket() as one:
        one.bind(("0.0.0.0", 0))
        with pytest.raises(ConfigError, match="other machines"):
            access_to([Place(one, "x")], b"", ())
        access = access_to([Place(one, "x")], KEY.encode(), ("Head-Unit.local",))
    assert access.hosts == LOOPBACK_NAMES | {"head-unit.local"}


@pytest.mark.parametrize("host", ["head-unit", "300.1.1.1", ""])
def test_an_address_that_is_none(host):
    with pytest.raises(ConfigError, match="IP address"):
        on_tcp(host, 0, remote=True, key=KEY.encode())


def test_a_port_that_is_taken():
    place = on_tcp("127.0.0.1", 0, remote=False, key=b"")
    with place.socket, pytest.raises(ConfigError, match="cannot listen"):
        on_tcp("127.0.0.1", place.socket.getsockname()[1], remote=False, key=b"")


def test_a_dead_socket_is_replaced_and_a_live_one_is_not(tmp_path):
    path = tmp_path / "s"
    first = on_unix(path)
    with pytest.raises(ConfigError, match="another server"):
        on_unix(path)
    first.socket.close()  # as a killed server leaves it
    second = on_unix(path, 0o660)
    assert path.stat().st_mode & 0o777 == 0o660
    second.socket.close()
    path.unlink()
    path.write_text("a file of somebody's")
    with pytest.raises(ConfigError, match="not a socket"):
        on_unix(path)


def test_a_key_that_is_none(tmp_path):
    short = tmp_path / "short"
    short.write_text("1234\n")
    for path in (short, tmp_path / "missing"):
        with pytest.raises(ConfigError):
            read_key(path)


def test_wrong_usage_is_said(tmp_path):
    told = CliRunner().invoke(cli, ["serve", "--kb", str(tmp_path / "none"), "--socket-mode", "999"])
    assert told.exit_code == 2 and "octal" in told.output
