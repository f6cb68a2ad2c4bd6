#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sums up the results of all kinds of tests.

    results.py sum DIR KIND...        reads DIR/KIND.txt, prints the summary
    results.py junit XML TXT          turns pytest's report into such a file

Each kind of test writes one line per test, and nothing else:

    pass NAME
    fail NAME
    skip NAME REASON

A kind whose command failed without a test that failed, or that wrote nothing,
counts as one failure: it did not come to its end. DIR/broken names those.
DIR/seconds says how long each kind took: "KIND SECONDS".

Below the sum stands what ran on which machine. A test whose name contains
FIRMWARE.MACHINE.SYSTEM, as in "uefi.svm-qemu.linux", belongs to that cell of
the table; OTHER_CELLS has those of others.
"""

import collections
import os
import re
import sys
import xml.etree.ElementTree


MACHINES = {"svm-qemu": "SVM, QEMU", "svm-bochs": "SVM with nRIP, Bochs",
            "vmx-bochs": "VMX, Bochs"}
SYSTEMS = ("microkernels", "linux")
FIRMWARES = ("bios", "uefi")
CELL = re.compile(rf"\b(?:{'|'.join(FIRMWARES)})\.(?:{'|'.join(MACHINES)})"
                  rf"\.(?:{'|'.join(SYSTEMS)})\b")
# "KIND NAME" of a test, where its name does not say it; the first that matches.
OTHER_CELLS = (
    (re.compile(r"guests "), "bios.svm-qemu.microkernels"),
    (re.compile(r"(vmx-linux |system .*vmx)"), "bios.vmx-bochs.linux"),
    (re.compile(r"(nrip-linux |system .*nrip)"), "bios.svm-bochs.linux"),
    (re.compile(r"system .*uefi"), "uefi.svm-qemu.linux"),
    (re.compile(r"system "), "bios.svm-qemu.linux"),
)
# Why nothing is run there.
REASONS = {
    "uefi.svm-bochs.microkernels": "Debian has no UEFI firmware for Bochs",
    "uefi.svm-bochs.linux": "Debian has no UEFI firmware for Bochs",
    "uefi.vmx-bochs.microkernels": "Debian has no UEFI firmware for Bochs",
    "uefi.vmx-bochs.linux": "Debian has no UEFI firmware for Bochs",
    "bios.svm-bochs.linux": "not run, being as long as on VMX: make nrip-linux",
}


def read_lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as lines:
        return [line.rstrip("\n") for line in lines if line.strip()]


def read_kind(directory, kind, is_broken):
    """[(verdict, name)] of one kind."""
    results = []
    for line in read_lines(os.path.join(directory, kind + ".txt")):
        verdict, _, name = line.partition(" ")
        if verdict not in ("pass", "fail", "skip"):
            verdict, name = "fail", f"(not a result: {line})"
        results.append((verdict, name))
    failed = any(verdict == "fail" for verdict, _ in results)
    if not results:
        results.append(("fail", "(no results)"))
    elif is_broken and not failed:
        results.append(("fail", "(stopped before its end)"))
    return results


def cell_of(kind, name):
    """Which cell of the table a test belongs to, or None."""
    found = CELL.search(name)
    if found:
        return found.group()
    cells = (cell for pattern, cell in OTHER_CELLS
             if pattern.match(f"{kind} {name}"))
    return next(cells, None)


def cell_text(cell, counts):
    """What the table says there."""
    if counts:
        return ", ".join(
            f"{counts[verdict]} {word}" for verdict, word in
            (("pass", "passed"), ("fail", "failed"), ("skip", "skipped"))
            if counts[verdict])
    return REASONS.get(cell, "not run")


def print_table(cells):
    """cells: by name, a counter of verdicts."""
    rows = [("machine", "firmware", *SYSTEMS)]
    for machine, title in MACHINES.items():
        for firmware in FIRMWARES:
            names = [f"{firmware}.{machine}.{system}" for system in SYSTEMS]
            rows.append((title, firmware.upper(),
                         *(cell_text(name, cells[name]) for name in names)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    print("== what ran where")
    for row in rows:
        print("  ".join(text.ljust(width)
                        for text, width in zip(row, widths)).rstrip())


def sum_up(directory, *kinds):
    broken = read_lines(os.path.join(directory, "broken"))
    seconds = dict(line.split(" ", maxsplit=1) for line in
                   read_lines(os.path.join(directory, "seconds")))
    total = collections.Counter()
    cells = collections.defaultdict(collections.Counter)
    print("== summary")
    for kind in kinds:
        results = read_kind(directory, kind, kind in broken)
        counts = collections.Counter(verdict for verdict, _ in results)
        total += counts
        print(f"{kind:>10}: {counts['pass']} passed, {counts['fail']} "
              f"failed, {counts['skip']} skipped"
              + (f", {seconds[kind]} s" if kind in seconds else ""))
        for verdict, name in results:
            cells[cell_of(kind, name)][verdict] += 1
            if verdict != "pass":
                print(f"            {verdict} {name}")
    if any(cells[cell] for cell in cells if cell):
        print_table(cells)
    print(f"{total['pass']} passed, {total['fail']} failed")
    return 1 if total["fail"] else 0


def verdict_of(case, name):
    """A line of results for one test case of the report."""
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return f"fail {name}"
    if "skipped" in kinds:
        reason = case.find("skipped").get("message", "")
        return f"skip {name} {reason}".split("\n", maxsplit=1)[0]
    return f"pass {name}"


def from_junit(source, target):
    """A test with an error besides its failure is still one test."""
    verdicts = {}
    if os.path.exists(source):
        for case in xml.etree.ElementTree.parse(source).iter("testcase"):
            name = f"{case.get('classname')}.{case.get('name')}"
            if not verdicts.get(name, "").startswith("fail"):
                verdicts[name] = verdict_of(case, name)
    with open(target, "w", encoding="utf-8") as out:
        out.writelines(line + "\n" for line in verdicts.values())
    return 0


if __name__ == "__main__":
    sys.exit({"sum": sum_up, "junit": from_junit}[sys.argv[1]](*sys.argv[2:]))
