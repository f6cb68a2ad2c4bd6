# SPDX-License-Identifier: MIT
"""What stands on the screen of a QEMU machine, as rows of text.

Asked of QEMU's monitor, which shows memory and points. Points become letters
again by the font that the hypervisor draws them with.
"""

import os
import re
import socket
import sys
import time

import machine

sys.path.insert(0, os.path.join(machine.TOP, "xen"))

import font  # noqa: E402

FONT = "/usr/share/grub/ascii.pf2"
TEXT_MEMORY = 0xB8000
COLUMNS, ROWS = 80, 25
PROMPT = b"(qemu) "


class Screen:
    """directory: for files, and for the monitor's socket."""

    def __init__(self, directory, is_text):
        self._directory = directory
        self._is_text = is_text
        self._socket = os.path.join(directory, "monitor")
        self.words = ["-vga", "std", "-monitor",
                      f"unix:{self._socket},server=on,wait=off"]

    def _ask(self, command, result):
        """The file that the monitor's command writes."""
        path = os.path.join(self._directory, result)
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(30)
            monitor.connect(self._socket)
            for line in ("", f"{command}\n".replace("FILE", path)):
                monitor.sendall(line.encode())
                said = b""
                while not said.endswith(PROMPT):
                    said += monitor.recv(4096)
        with open(path, "rb") as written:
            return written.read()

    def rows(self):
        if self._is_text:
            return text_rows(self._ask(
                f"pmemsave {TEXT_MEMORY} {2 * COLUMNS * ROWS} FILE", "text"))
        return point_rows(self._ask("screendump FILE", "points"))

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


def point_rows(ppm):
    """ppm: P6, a width, a height, 255, and three bytes for each point."""
    head = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", ppm)
    width, height = int(head[1]), int(head[2])
    points = ppm[head.end():]
    lit = [any(points[at:at + 3]) for at in range(0, 3 * width * height, 3)]
    letters = {tuple(rows): chr(code)
               for code, rows in font.letters(FONT).items()}

    def letter_at(x, y):
        first = y * font.HEIGHT * width + x * font.WIDTH
        return letters.get(tuple(
            sum(lit[at + n] << (font.WIDTH - 1 - n) for n in range(font.WIDTH))
            for at in range(first, first + font.HEIGHT * width, width)), "?")

    return ["".join(letter_at(x, y) for x in range(width // font.WIDTH))
            .rstrip() for y in range(height // font.HEIGHT)]
