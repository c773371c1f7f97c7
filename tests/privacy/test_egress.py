"""The network guard, on real sockets. Each case runs in its own process: an audit hook cannot be taken out."""

import subprocess
import sys
import textwrap

import pytest

PRELUDE = """
import socket, threading
from ragedge.errors import EgressError
from ragedge.privacy.egress import arm_process, guarded, guarded_thread, is_armed

# 192.0.2.0/24 is for documentation (RFC 5737): nobody answers there, should a guard fail.
OUTSIDE = ("192.0.2.1", 9)

def refused(call):
    try:
        call()
    except EgressError as exc:
        assert "192.0.2" not in str(exc) and "example" not in str(exc)
        return True
    except OSError:
        return False
    return False

def connect(address=OUTSIDE, family=socket.AF_INET, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as s:
        s.settimeout(0.05)
        s.connect(address)

def send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setblocking(False)
        s.sendto(b"x", OUTSIDE)

def look_up():
    socket.getaddrinfo("manual.example", 443)

ALL = [connect, send, look_up, lambda: socket.gethostbyname("manual.example"),
       lambda: connect(("2001:db8::1", 9, 0, 0), socket.AF_INET6),
       lambda: socket.create_connection(OUTSIDE, timeout=0.05),
       lambda: connect(kind=socket.SOCK_DGRAM)]
"""


def run(body):
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(body)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_the_process_scope_refuses_in_every_thread():
    run("""
        arm_process()
        assert is_armed()
        assert [refused(call) for call in ALL] == [True] * len(ALL)
        seen = []
        thread = threading.Thread(target=lambda: seen.append(refused(connect)))
        thread.start(); thread.join()
        assert seen == [True]
    """)


def test_the_calls_scope_leaves_the_host_application_alone():
    run("""
        assert not refused(send)
        with guarded("calls"):
            assert [refused(call) for call in ALL] == [True] * len(ALL)
            seen = {}
            threads = [threading.Thread(target=lambda: seen.update(host=refused(send))),
                       guarded_thread(lambda: seen.update(ours=refused(send)), name="ragedge-test")]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert seen == {"host": False, "ours": True}, seen
            with guarded("calls"):
                assert refused(send)
            assert refused(send)
        assert not refused(send)
        assert not is_armed()
    """)


def test_the_off_scope_refuses_nothing():
    run("""
        with guarded("off"):
            assert not refused(send)
    """)


def test_the_device_itself_stays_reachable():
    run("""
        arm_process()
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5).close()
        socket.getaddrinfo("localhost", 80)
        socket.getaddrinfo("127.0.0.1", 80)
        socket.getaddrinfo(None, 80)
        if hasattr(socket, "AF_UNIX"):
            a, b = socket.socketpair()
            a.sendall(b"x"); assert b.recv(1) == b"x"
            a.close(); b.close()
    """)


@pytest.mark.parametrize(
    "host", ["127.0.0.1.nip.example", "localhost.example", "0.0.0.0", "169.254.1.1", "10.0.0.1"]
)
def test_what_only_looks_local_is_refused(host):
    run(f"""
        arm_process()
        assert refused(lambda: socket.getaddrinfo({host!r}, 80))
    """)


def test_a_library_that_speaks_http_is_refused():
    run("""
        import urllib.request, urllib.error
        arm_process()
        assert refused(lambda: urllib.request.urlopen("http://manual.example/"))
    """)
