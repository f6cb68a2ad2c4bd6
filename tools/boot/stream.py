# SPDX-License-Identifier: MIT
"""Takes apart what comes out of the machine's one serial port.

Three things share it. Each line of the hypervisor's log is a record that
begins with the byte 0x1e, which the hypervisor lets nobody else write:

    \\x1e(podium) TEXT\\r\\n         or, in the middle of a line of dom0's,
    \\x1e\\r\\n(podium) TEXT\\r\\n

dom0's init brackets a script's output by two records of its own:

    \\x1fpodium-begin\\n    and    \\x1fpodium-end STATUS\\n

and everything else is dom0's console. Bytes arrive in pieces that end
anywhere, so a record that is not complete yet waits for the next piece. Two
filters stand one behind the other, since a line of the log may come in the
middle of what dom0 writes, its records included.

Xen itself, which can be booted for comparison, marks its lines by "(XEN) "
only.
"""

import re

LONGEST_RECORD = 4096


class LineEndings:
    """Turns a terminal's line endings, \\\\r\\\\n, into \\\\n.

    Both dom0's terminal and the hypervisor may have put a \\\\r, and a piece may
    end between \\\\r and \\\\n.
    """

    def __init__(self):
        self._waiting = b""

    def feed(self, data):
        data = self._waiting + data
        kept = len(data.rstrip(b"\r"))
        self._waiting = data[kept:]
        return re.sub(rb"\r+\n", b"\n", data[:kept])


class Filter:
    """Takes lines that begin with one of some marks out of a stream.

    A mark counts wherever it is, not only where a line begins. on_line gets
    each such line, without what ends it; on_rest gets all other bytes, as
    soon as they cannot be part of a mark.
    """

    def __init__(self, marks, on_line, on_rest):
        self._marks = marks
        self._find = re.compile(b"|".join(map(re.escape, marks))).search
        self._on_line = on_line
        self._on_rest = on_rest
        self._waiting = b""

    def feed(self, data):
        self._waiting += data
        while self._step():
            pass

    def _step(self):
        """Deals with what is in front; False when more is needed for that."""
        found = self._find(self._waiting)
        if not found:
            self._pass_on(len(self._waiting) - self._held_back())
            return False
        self._pass_on(found.start())
        mark = len(found.group())
        end = self._waiting.find(b"\n", mark)
        if end >= 0:
            line = self._waiting[:end].rstrip(b"\r")
            self._waiting = self._waiting[end + 1:]
            self._on_line(line)
            return True
        if len(self._waiting) < LONGEST_RECORD:
            return False
        # Nothing of ours is that long.
        self._pass_on(len(self._waiting))
        return True

    def _held_back(self):
        """How many of the last bytes may be the beginning of a mark."""
        longest = max(map(len, self._marks)) - 1
        for count in range(min(longest, len(self._waiting)), 0, -1):
            end = self._waiting[-count:]
            if any(mark.startswith(end) for mark in self._marks):
                return count
        return 0

    def _pass_on(self, count):
        if count:
            self._on_rest(self._waiting[:count])
            self._waiting = self._waiting[count:]


class Stream:
    """Feed it bytes; it calls back.

    on_console(bytes)   dom0's console
    on_record(bytes)    a line of the hypervisor's log
    on_begin()          the script starts
    on_end(status)      the script has ended
    """

    def __init__(self, on_console, on_record, on_begin, on_end, xen=False):
        self._on_record = on_record
        self._on_begin = on_begin
        self._on_end = on_end
        script = Filter([b"\x1fpodium-begin", b"\x1fpodium-end "],
                        self._on_script, on_console)
        marks = [b"\x1e(podium)", b"\x1e\r\n(podium)"]
        if xen:
            marks.append(b"(XEN) ")
        self._log = Filter(marks, self._on_log, script.feed)

    def feed(self, data):
        self._log.feed(data)

    def _on_log(self, line):
        self._on_record(line.lstrip(b"\x1e\r\n"))

    def _on_script(self, line):
        name, _, status = line.partition(b" ")
        if name == b"\x1fpodium-begin":
            self._on_begin()
        else:
            self._on_end(int(status) if status.isdigit() else 1)
