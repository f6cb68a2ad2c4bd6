# SPDX-License-Identifier: MIT
"""What comes out of the serial port, in pieces that end anywhere."""

import random

import pytest

import stream


class Listener:
    def __init__(self, xen=False):
        self.console = b""
        self.records = []
        self.status = None
        self._endings = stream.LineEndings()
        self.stream = stream.Stream(self._on_console, self.records.append,
                                    self._on_begin, self._on_end, xen)

    def _on_console(self, data):
        self.console += self._endings.feed(data)

    def _on_begin(self):
        self.console += b"<"

    def _on_end(self, status):
        self.console += b">"
        self.status = status


def feed_in_pieces(listener, data, seed):
    pieces = random.Random(seed)
    while data:
        size = pieces.randint(1, 12)
        listener.stream.feed(data[:size])
        data = data[size:]


SERIAL = (b"boot\r\n\x1e(podium) hello\r\nmid\x1e\r\n(podium) two\r\ndle\r\n"
          b"\x1fpodium-begin\r\nout1\r\nou\x1e\r\n(podium) Panic on CPU 0\r\n"
          b"t2\r\r\nodd\x1ebyte\r\n\x1fpodium-e\x1e\r\n(podium) three\r\nnd 7\r\nafter")


@pytest.mark.parametrize("seed", range(50))
def test_records_are_taken_out_wherever_they_are(seed):
    listener = Listener()
    feed_in_pieces(listener, SERIAL, seed)
    assert listener.console == (b"boot\nmiddle\n<out1\nout2\n"
                                b"odd\x1ebyte\n>after")
    assert listener.records == [b"(podium) hello", b"(podium) two",
                                b"(podium) Panic on CPU 0",
                                b"(podium) three"]
    assert listener.status == 7


@pytest.mark.parametrize("seed", range(20))
def test_lines_of_xen_are_records_too(seed):
    listener = Listener(xen=True)
    feed_in_pieces(listener, b"a(XEN\n(XEN) one\r\nb(XEN) two\r\nc\r\n", seed)
    assert listener.console == b"a(XEN\nbc\n"
    assert listener.records == [b"(XEN) one", b"(XEN) two"]


def test_console_is_passed_on_at_once():
    listener = Listener()
    listener.stream.feed(b"no line end yet")
    assert listener.console == b"no line end yet"


def test_a_mark_without_a_line_end_does_not_wait_for_ever():
    listener = Listener()
    text = b"\x1e(podium)" + b"x" * stream.LONGEST_RECORD
    listener.stream.feed(text)
    assert listener.console == text


@pytest.mark.parametrize("text", [b"\x1fpodium-end", b"\x1fpodium-ending\n",
                                  b"\x1e", b"\x1f\x1f\n", b"podium-end 3\n",
                                  b"(podium) x\n", b"(XEN) x\n"])
def test_what_only_looks_like_a_record_is_console(text):
    listener = Listener()
    listener.stream.feed(text + b"!")
    assert listener.console == text + b"!"
    assert listener.status is None
    assert not listener.records
