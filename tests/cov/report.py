#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which lines did the unit tests execute?

    report.py FOLDER WANTED     (make cov)

FOLDER holds what gcc's --coverage left there. Prints a table of the folders
and files of the sources, then every line of the GROUPS that was not executed,
and then how much of each group was. Fails if a group is below WANTED per cent.

A line of a header counts as executed if it was in any program.
"""

import collections
import fnmatch
import json
import os
import subprocess
import sys

SOURCES = ("xen/", "tools/")
GROUPS = ["xen/mm/*", "xen/overcommit/*", "xen/p2m/*", "xen/domain/memory.c",
          "xen/guest/hc_*.c"]


def counters(folder):
    """The files in which programs left their counts."""
    return sorted(os.path.join(path, name)
                  for path, _, names in os.walk(folder)
                  for name in names if name.endswith(".gcda"))


def read_lines(folder):
    """{file: {line: how often it was executed}}"""
    lines = collections.defaultdict(collections.Counter)
    for counter in counters(folder):
        text = subprocess.run(["gcov", "--json-format", "--stdout", counter],
                              check=True, capture_output=True).stdout
        for file in json.loads(text)["files"]:
            name = os.path.relpath(file["file"])
            if name.startswith(SOURCES):
                for line in file["lines"]:
                    lines[name][line["line_number"]] += line["count"]
    return lines


def totals(files):
    """(lines, executed lines) of [{line: count}]"""
    counts = [count for file in files for count in file.values()]
    return len(counts), sum(count > 0 for count in counts)


def row(name, files):
    all_lines, executed = totals(files)
    share = 100 * executed / all_lines if all_lines else 100
    print(f"{name:40} {executed:6} of {all_lines:6} {share:6.1f} %")
    return share


def print_table(lines):
    folders = collections.defaultdict(list)
    for name in sorted(lines):
        folders[os.path.dirname(name)].append(name)
    for folder, names in folders.items():
        row(folder + "/", [lines[name] for name in names])
        for name in names:
            row("    " + os.path.basename(name), [lines[name]])


def print_not_executed(name, counts):
    with open(name, encoding="utf-8") as opened:
        source = opened.read().splitlines()
    for line, count in sorted(counts.items()):
        if not count:
            print(f"{name}:{line}: {source[line - 1].strip()}")


def main():
    folder, wanted = sys.argv[1], float(sys.argv[2])
    lines = read_lines(folder)
    print_table(lines)
    groups = {group: fnmatch.filter(sorted(lines), group) for group in GROUPS}
    print("\nnot executed:")
    for names in groups.values():
        for name in names:
            print_not_executed(name, lines[name])
    print(f"\n{wanted:g} % of each of these are wanted:")
    shares = [row(group, [lines[name] for name in names])
              for group, names in groups.items()]
    return any(share < wanted for share in shares)


if __name__ == "__main__":
    sys.exit(main())
