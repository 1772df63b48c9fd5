"""The page's server: who may look, and that nobody holds anything up."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
import urllib.error
import urllib.request

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.stream import lines, server


@pytest.fixture
def page():
  made = server.PageServer("<p>page</p>", 0)
  yield made
  made.stop()


def _frames(page, **options):
  address = f"ws://127.0.0.1:{page.port}/frames"
  return connect(address, compression=None, **options)


def _wait(condition):
  deadline_s = time.monotonic() + 10
  while not condition():
    assert time.monotonic() < deadline_s
    time.sleep(0.01)


def test_the_page_is_there_and_nothing_else(page):
  with urllib.request.urlopen(page.address) as answer:
    assert answer.read() == b"<p>page</p>"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
  with pytest.raises(urllib.error.HTTPError, match="404"):
    urllib.request.urlopen(page.address + "etc/passwd")


def test_every_client_gets_the_first_line_and_the_frames(page):
  page.begin("first")
  with _frames(page) as one, _frames(page) as other:
    assert one.recv(timeout=10) == other.recv(timeout=10) == "first"
    _wait(lambda: len(page._clients) == 2)
    page.send("a")
    page.send("b")
    assert [one.recv(timeout=10), one.recv(timeout=10)] == ["a", "b"]
    assert [other.recv(timeout=10), other.recv(timeout=10)] == ["a", "b"]


@pytest.mark.parametrize(
  "origin",
  [
    "http://evil.example",
    "https://127.0.0.1.evil.example",
    "http://localhost.evil.example:8765",
    "null",
    "file://",
  ],
)
def test_pages_from_elsewhere_are_refused(page, origin):
  with pytest.raises(InvalidStatus, match="403"):
    _frames(page, origin=origin)


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "http://localhost:2"])
def test_pages_of_this_machine_may_look(page, origin):
  with _frames(page, origin=origin):
    pass


def test_another_name_for_this_machine_is_refused(page):
  """A page elsewhere can point its own name here."""
  request = urllib.request.Request(
    page.address, headers={"Host": "evil.example"}
  )
  with pytest.raises(urllib.error.HTTPError, match="403"):
    urllib.request.urlopen(request)


def test_a_taken_port_is_told(page):
  with pytest.raises(InputError, match="give another port"):
    server.PageServer("", page.port)


def test_more_than_a_few_clients_are_refused(page):
  with contextlib.ExitStack() as stack:
    for _ in range(server.MOST_CLIENTS):
      stack.enter_context(_frames(page))
    _wait(lambda: len(page._clients) == server.MOST_CLIENTS)
    with pytest.raises(InvalidStatus, match="503"):
      _frames(page)
  _wait(lambda: not page._clients)
  with _frames(page):
    pass


def test_who_does_not_read_holds_nobody_up_and_gets_the_newest(page):
  line = "x" * 10_000
  with _frames(page) as quick:
    # A client that says hello and then reads nothing at all.
    slow = socket.create_connection(("127.0.0.1", page.port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(
      b"GET /frames HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
      b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    _wait(lambda: len(page._clients) == 2)
    for number in range(1000):
      page.send(f"{number} {line}")
      assert quick.recv(timeout=10).startswith(f"{number} ")
    held = [len(client._lines) for client in page._clients]
    assert max(held) <= 40
    # It still waits, and what waits is the newest.
    waiting = max(page._clients, key=lambda client: len(client._lines))
    assert waiting._lines[-1].startswith("999 ")
    # One that goes away without a word is forgotten.
    slow.close()
    _wait(lambda: len(page._clients) == 1)


def test_sending_to_nobody_keeps_nothing(page):
  for number in range(10_000):
    page.send(str(number))
  _wait(lambda: not page._waiting)
  page.stop()
  page.send("after the end")


def test_another_host_lets_in_its_own_page_only():
  page = server.PageServer("", 0, "0.0.0.0")
  try:
    with _frames(page, origin=f"http://127.0.0.1:{page.port}"):
      pass
    with pytest.raises(InvalidStatus, match="403"):
      _frames(page, origin="http://evil.example")
  finally:
    page.stop()


def test_without_the_package_the_extra_is_named(monkeypatch):
  monkeypatch.setitem(sys.modules, "websockets.asyncio.server", None)
  with pytest.raises(InputError, match=r"\[live\]"):
    server.PageServer("", 0)


def test_the_live_page_may_talk_to_its_own_server_only():
  text = lines.live_page(simulated=True)
  assert "connect-src 'self' ws://localhost:* ws://127.0.0.1:*\"" in text
  assert "SIMULATED" in text
  begin = text.index('id="data">') + len('id="data">')
  data = json.loads(text[begin : text.index("</script>", begin)])
  assert data["live"]["frames"] == 2400
  assert len(data["joints"]) == 21
