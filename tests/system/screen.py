# SPDX-License-Identifier: MIT
"""What stands on the text screen of a QEMU machine, as its monitor shows the
memory of it."""

import os
import socket
import time

import machine

TEXT_MEMORY = 0xB8000
COLUMNS, ROWS = 80, 25
PROMPT = b"(qemu) "


class Screen:
    """directory: for files, and for the monitor's socket."""

    def __init__(self, directory):
        self._directory = directory
        self._socket = os.path.join(directory, "monitor")
        self.words = ["-vga", "std", "-monitor",
                      f"unix:{self._socket},server=on,wait=off"]

    def _ask(self, command, result):
        """The file that the monitor's command writes."""
        path = os.path.join(self._directory, result)
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(30)
            monitor.connect(self._socket)
            for line in ("", f"{command}\n".replace("FILE", f'"{path}"')):
                monitor.sendall(line.encode())
                said = b""
                while not said.endswith(PROMPT):
                    said += monitor.recv(4096)
        with open(path, "rb") as written:
            return written.read()

    def rows(self):
        return text_rows(self._ask(
            f"pmemsave {TEXT_MEMORY} {2 * COLUMNS * ROWS} FILE", "text"))

    def wait_for(self, text, seconds=20):
        """The rows, when one of them has the text, or the time is over."""
        end = time.monotonic() + seconds * machine.PATIENCE
        while True:
            rows = self.rows()
            if any(text in row for row in rows) or time.monotonic() > end:
                return rows
            time.sleep(0.5)


def text_rows(memory):
    letters = memory[::2].decode("ascii", "replace")
    return [letters[at:at + COLUMNS].rstrip()
            for at in range(0, len(letters), COLUMNS)]
