#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The screen's letters, out of GRUB's font for ASCII, as assembly.

    font.py FONT.pf2

A PF2 file is sections of a name, a length and data, big-endian. CHIX lists
the letters: code, flags, and where in the file the letter is: width, height,
distance from the left and of its lower edge from the base line, advance, and
then its bits, row by row without gaps. Each letter becomes 16 bytes, one for a
row of 8 points.
"""

import struct
import sys

FIRST, LAST = 0x20, 0x7E
WIDTH, HEIGHT = 8, 16


def sections(data):
    at = 0
    while at + 8 <= len(data):
        name, length = struct.unpack_from(">4sI", data, at)
        if name == b"DATA":
            return
        yield name, data[at + 8:at + 8 + length]
        at += 8 + length


def letter(data, at, ascent):
    """Its rows. What would be outside of its field is cut off."""
    width, height, left, bottom = struct.unpack_from(">HHhh", data, at)
    rows = [0] * HEIGHT
    for n in range(width * height):
        y, x = n // width + ascent - bottom - height, n % width + left
        lit = data[at + 10 + n // 8] & (0x80 >> n % 8)
        if lit and 0 <= y < HEIGHT and 0 <= x < WIDTH:
            rows[y] |= 0x80 >> x
    return rows


def letters(path):
    """The rows of each letter, by its code."""
    with open(path, "rb") as font:
        data = font.read()
    parts = dict(sections(data))
    ascent, = struct.unpack(">H", parts[b"ASCE"])
    places = {code: at for code, _, at in
              struct.iter_unpack(">IBI", parts[b"CHIX"])}
    return {code: letter(data, places[code], ascent)
            for code in range(FIRST, LAST + 1)}


def main(path):
    print("        .section .rodata\n        .globl  screen_font\n"
          "screen_font:")
    for rows in letters(path).values():
        print("        .byte   " + ", ".join(map(str, rows)))
    print('        .section .note.GNU-stack, "", @progbits')


if __name__ == "__main__":
    main(*sys.argv[1:])
