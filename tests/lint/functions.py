#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Long functions and long files: warnings, except where a limit is hard.

    functions.py FILE...

Functions of more than 90 lines and files of more than 800 are named on stderr;
stdout gets the numbers that docs/style.md speaks of. Never fails: a flat table
or switch may be long.
"""

import re
import sys

LONG_FUNCTION = 90
LONG_FILE = 800

# clang-format puts a function's opening and closing brace in column 0, and a
# struct's or table's opening brace at the end of its line.
NAME = re.compile(r"(\w+)\s*\(")


def functions(lines):
    """(name, first line, number of lines) of each function."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start:
            yield name_before(lines, start), start, number - start + 1
            start = None


def name_before(lines, start):
    """The name of the function whose body begins at line `start`."""
    head = ""
    for line in reversed(lines[max(0, start - 6):start - 1]):
        head = line + head
        match = NAME.search(head)
        if match and not line[:1].isspace():
            return match[1]
    return "?"


def main(paths):
    lengths = []
    for path in paths:
        with open(path, encoding="utf-8") as source:
            lines = source.readlines()
        if len(lines) > LONG_FILE:
            print(f"{path}: warning: {len(lines)} lines", file=sys.stderr)
        for name, start, length in functions(lines):
            lengths.append(length)
            if length > LONG_FUNCTION:
                print(f"{path}:{start}: warning: {name}() has {length} lines",
                      file=sys.stderr)
    lengths.sort()
    if lengths:
        under = sum(length < 50 for length in lengths) * 100 // len(lengths)
        print(f"{len(lengths)} functions, median {lengths[len(lengths) // 2]} "
              f"lines, {under} % under 50, longest {lengths[-1]}")


if __name__ == "__main__":
    main(sys.argv[1:])
