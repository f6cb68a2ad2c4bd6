# SPDX-License-Identifier: MIT
"""The user's terminal: raw while the machine runs, restored afterwards."""

import os
import sys
import termios
import tty

ESCAPE = b"\x01"            # Ctrl-A, as in QEMU's own console


def write(data):
    """All of it, at once: a reader of our output wants lines as they come."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


class Keyboard:
    """Standard input, in raw mode inside a with statement."""

    def __init__(self):
        self._descriptor = sys.stdin.fileno()
        self._saved = termios.tcgetattr(self._descriptor)
        self._escaped = False

    def __enter__(self):
        tty.setraw(self._descriptor)
        return self

    def __exit__(self, *_):
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._saved)
        print()

    def fileno(self):
        return self._descriptor

    def read(self):
        """(bytes for the machine, whether the user asked to kill it)."""
        keys = b""
        data = os.read(self._descriptor, 4096)
        for key in (bytes([value]) for value in data):
            if self._escaped:
                self._escaped = False
                if key in b"xX":
                    return keys, True
                keys += key
            elif key == ESCAPE:
                self._escaped = True
            else:
                keys += key
        return keys, not data
