# SPDX-License-Identifier: MIT
"""Takes apart what comes out of the machine's one serial port.

Three things share it. Each line of the hypervisor's log is a record that
begins with the byte 0x1e:

    \\x1e(podium) TEXT\\r\\n         or, in the middle of a line of dom0's,
    \\x1e\\r\\n(podium) TEXT\\r\\n

dom0's init brackets a script's output by records of its own:

    \\x1epodium-begin\\n    and    \\x1epodium-end STATUS\\n

and everything else is dom0's console. Bytes arrive in pieces that end
anywhere, so a record that is not complete yet waits for the next piece.

Xen itself, which can be booted for comparison, marks its lines by "(XEN) "
only; those are taken for records when `xen` is set.
"""

import re

MARK = b"\x1e"
XEN_MARK = b"(XEN) "
LONGEST_RECORD = 4096
END = re.compile(rb"podium-end (\d+)")


def held_back(data, mark):
    """How many of the last bytes may be the beginning of a mark."""
    for count in range(min(len(mark) - 1, len(data)), 0, -1):
        if mark.startswith(data[-count:]):
            return count
    return 0


class LineEndings:
    """Turns a terminal's line endings, \\r\\n, into \\n.

    Both dom0's terminal and the hypervisor may have put a \\r, and a piece may
    end between \\r and \\n.
    """

    def __init__(self):
        self._waiting = b""

    def feed(self, data):
        data = self._waiting + data
        kept = len(data.rstrip(b"\r"))
        self._waiting = data[kept:]
        return re.sub(rb"\r+\n", b"\n", data[:kept])


class Stream:
    """Feed it bytes; it calls back.

    on_console(bytes)   dom0's console
    on_record(bytes)    a line of the hypervisor's log, without its ending
    on_begin()          the script starts
    on_end(status)      the script has ended
    """

    def __init__(self, on_console, on_record, on_begin, on_end, xen=False):
        self._on_console = on_console
        self._on_record = on_record
        self._on_begin = on_begin
        self._on_end = on_end
        self._xen = xen
        self._waiting = b""

    def feed(self, data):
        self._waiting += data
        while self._waiting and self._step():
            pass

    def _step(self):
        """Deals with what is at the front; False when more is needed."""
        at = self._waiting.find(MARK)
        xen_at = self._waiting.find(XEN_MARK) if self._xen else -1
        if xen_at >= 0 and (at < 0 or xen_at < at):
            return self._take_record(xen_at, 0)
        if at >= 0:
            return self._take_record(at, len(MARK))
        keep = held_back(self._waiting, XEN_MARK) if self._xen else 0
        self._console(len(self._waiting) - keep)
        return False

    def _console(self, count):
        if count:
            self._on_console(self._waiting[:count])
            self._waiting = self._waiting[count:]

    def _take_record(self, at, mark_size):
        self._console(at)
        body = mark_size
        if self._waiting[body:body + 2] == b"\r\n":
            body += 2
        end = self._waiting.find(b"\n", body)
        if end < 0:
            if len(self._waiting) < LONGEST_RECORD:
                return False
            # Not a record: somebody printed the byte.
            self._console(body)
            return True
        line = self._waiting[body:end].rstrip(b"\r")
        self._waiting = self._waiting[end + 1:]
        self._record(line)
        return True

    def _record(self, line):
        ended = END.fullmatch(line)
        if line == b"podium-begin":
            self._on_begin()
        elif ended:
            self._on_end(int(ended.group(1)))
        elif line.startswith((b"(podium)", b"(XEN)")):
            self._on_record(line)
        else:
            self._on_console(MARK + line + b"\n")
