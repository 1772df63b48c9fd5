"""Strangers at process 0's port: silent, slow, many, or without the secret."""

from __future__ import annotations

import contextlib
import json
import socket
import threading

import pytest

from bgm2pose_jax.runtime import process_greeting, processes

TOKEN = "a secret of this run"


class Meeting:
  """Process 0 in a thread of its own."""

  def __init__(self, count=2, seconds=20.0, token=None):
    self.server = process_greeting.listen(0)
    self.port = self.server.getsockname()[1]
    self.found, self.error = {}, None

    def accept():
      try:
        self.found = process_greeting.accept(
          self.server, count, 7, seconds, token
        )
      except OSError as error:
        self.error = error

    self.thread = threading.Thread(target=accept)
    self.thread.start()

  def stranger(self):
    return socket.create_connection(("localhost", self.port))

  def dial(self, index=1, count=2, token=None, seconds=10.0):
    links, told = process_greeting.dial(
      "localhost", self.port, index, count, seconds, token
    )
    links[0].close()
    return told

  def __enter__(self):
    return self

  def __exit__(self, *error):
    # It may be at its end already; else it waits for one more.
    self.thread.join(0.5)
    if self.thread.is_alive():
      with contextlib.suppress(OSError):
        self.dial(seconds=1.0)
    self.thread.join(30)
    for link in self.found.values():
      link.close()


def _drip(link, stop):
  with contextlib.suppress(OSError):
    while not stop.wait(0.02):
      link.sendall(b"x")


def test_who_is_silent_holds_up_nobody():
  with Meeting() as meeting, contextlib.ExitStack() as stack:
    for _ in range(20):
      stack.enter_context(meeting.stranger())
    # Less than one stranger's time to greet.
    assert meeting.dial(seconds=4.0) == 7
    meeting.thread.join(4.0)
    assert list(meeting.found) == [1]


def test_who_drips_does_not_move_the_limit(monkeypatch):
  stop = threading.Event()
  with contextlib.ExitStack() as stack:
    meeting = Meeting(seconds=0.8)
    for _ in range(3):
      link = stack.enter_context(meeting.stranger())
      threading.Thread(target=_drip, args=(link, stop), daemon=True).start()
    meeting.thread.join(20)
    stop.set()
    assert not meeting.thread.is_alive()
  assert isinstance(meeting.error, TimeoutError)
  assert "process 1 was not there in 1 s" in str(meeting.error)


def test_who_is_late_with_a_greeting_is_dropped(monkeypatch):
  monkeypatch.setattr(process_greeting, "_GREETING_S", 0.2)
  with Meeting() as meeting, meeting.stranger() as link:
    link.settimeout(10)
    assert link.recv(1) == b""
    assert meeting.thread.is_alive()


def test_more_strangers_than_are_kept(monkeypatch):
  monkeypatch.setattr(process_greeting, "_MOST_WAITING", 4)
  with Meeting() as meeting, contextlib.ExitStack() as stack:
    first = stack.enter_context(meeting.stranger())
    for _ in range(12):
      stack.enter_context(meeting.stranger())
    first.settimeout(10)
    assert first.recv(1) == b""
    assert meeting.dial() == 7


def _sent(meeting, said):
  """What comes back for raw bytes."""
  with meeting.stranger() as link:
    link.sendall(said)
    link.settimeout(10)
    with contextlib.suppress(ConnectionResetError):
      return link.recv(500)
  return b""


@pytest.mark.parametrize(
  "said",
  [
    b"bgm2pose_jax-watch-1 1 2\n",
    b"bgm2pose_jax-watch-1 1 2 " + b"0" * 64 + b"\n",
    b"bgm2pose_jax-watch-1 1 2 " + TOKEN.encode() + b"\n",
    b"bgm2pose_jax-watch-1 1 3\n",
    b"bgm2pose_jax-watch-1 1 2 \xff\xfe\n",
    b"\x00" * 4096,
  ],
)
def test_without_the_secret_a_greeting_is_nothing(said):
  with Meeting(token=TOKEN) as meeting:
    assert _sent(meeting, said) == b""
    with pytest.raises(ConnectionError, match="another token"):
      meeting.dial()
    with pytest.raises(ConnectionError, match="another token"):
      meeting.dial(token="another")
    assert meeting.thread.is_alive()
    assert meeting.dial(token=TOKEN) == 7


def test_a_secret_is_no_longer_right_for_another_place():
  with Meeting(count=3, token=TOKEN) as meeting:
    own = process_greeting.proof(TOKEN, "bgm2pose_jax-watch-1 1 3")
    assert _sent(meeting, f"bgm2pose_jax-watch-1 2 3 {own}\n".encode()) == b""
    said = f"bgm2pose_jax-watch-1 1 2 {process_greeting.proof(TOKEN, 'x')}\n"
    assert _sent(meeting, said.encode()) == b""
    told = []
    threads = [
      threading.Thread(target=lambda i=i: told.append(
        meeting.dial(i, 3, TOKEN)))
      for i in (1, 2)
    ]  # fmt: skip
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join(20)
    assert told == [7, 7]


@pytest.mark.parametrize(
  "answer",
  [
    {"told": 7},
    {"told": 7, "proof": process_greeting.proof(TOKEN, "told 8")},
    {"told": "x"},
    [],
    None,
  ],
)
def test_a_stranger_in_the_place_of_process_0_is_not_believed(answer):
  with socket.create_server(("localhost", 0)) as server:
    port = server.getsockname()[1]

    def serve():
      link, _ = server.accept()
      with link:
        link.recv(200)
        link.sendall(json.dumps(answer).encode() + b"\n")

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(ConnectionError, match=r"token|somebody else"):
      process_greeting.dial("localhost", port, 1, 2, 10, TOKEN)
    thread.join()


def test_the_token_is_a_flag_s_or_the_environment_s(monkeypatch):
  monkeypatch.setenv(processes.TOKEN, "of the environment")
  place = processes.place(None, "host:1", 2, 0)
  assert place is not None
  assert place.token == "of the environment"
  place = processes.place(None, "host:1", 2, 0, "given")
  assert place is not None
  assert place.token == "given"
  assert "given" not in repr(place)
  monkeypatch.setenv(processes.TOKEN, "")
  place = processes.place(None, "host:1", 2, 0)
  assert place is not None
  assert place.token is None


def test_a_slow_reader_of_the_relay_holds_up_nobody():
  # A host that does not answer: its queue is full.
  with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
    from bgm2pose_jax.runtime import coordinator_relay

    port = coordinator_relay.start("127.0.0.1", full.getsockname()[1])
    with contextlib.ExitStack() as stack:
      links = [
        stack.enter_context(
          socket.create_connection(("127.0.0.1", port), timeout=5)
        )
        for _ in range(4)
      ]
      links[0].sendall(b"there")
      far, _ = full.accept()
      with far:
        far.settimeout(5)
        assert far.recv(5) == b"there"
