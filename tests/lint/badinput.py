#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does docs/testing-badinput.md have every row, and does each test exist?

    badinput.py

"pass badinput ROW" or "fail badinput ROW: WHY", one line for each of the rows
9.1 to 9.112. From 9.69 on they are about security advisories of Xen: a test of
one has its number in its name, and at least one test does.
"""

import os
import re
import sys

PAGE = "docs/testing-badinput.md"
ROWS = [f"9.{n}" for n in range(1, 113)]
FIRST_ADVISORY = 69
ROW = re.compile(r"^\| (9\.\d+) \| ([^|]*) \| ([^|]*) \| ([^|]*)\|$", re.M)
UNIT = re.compile(r"^([\w-]+)/((?:test|model|nomem)_\w+)\.(\w+)$")
GUEST = re.compile(r"^guests/(\w+)$")


def problem_of_test(test):
    match = GUEST.match(test)
    if match:
        here = os.path.isdir(f"tests/guests/{match[1]}")
        return None if here else "there is no such guest"
    match = UNIT.match(test)
    if not match:
        return "not the name of a test"
    folder = match[1].replace("tools-unit", "tools")
    path = f"tests/unit/{folder}/{match[2]}.c"
    if not os.path.exists(path):
        return f"there is no {path}"
    with open(path, encoding="utf-8") as source:
        text = source.read()
    if re.search(rf"\bTEST\({match[3]}\)|\bvoid test_{match[3]}\(", text):
        return None
    return f"{path} has no such test"


def problem_of_numbers(what, tests):
    """A row is "29, 212: what": one of them is in the name of a test."""
    numbers = re.match(r"[\d, ]+:", what)
    if not numbers:
        return "no number of an advisory"
    named = re.findall(r"\.xsa((?:_\d+)+)_", tests)
    if any(number in "".join(named).split("_")
           for number in re.findall(r"\d+", numbers[0])):
        return None
    return "no test has the number in its name"


def problem_of_row(row, cells):
    if cells is None:
        return "not in the table"
    what, tests, _ = cells
    if tests.startswith("n/a"):
        return None if tests[3:].startswith(": ") else "n/a without a reason"
    for test in tests.split(","):
        problem = problem_of_test(test.strip())
        if problem:
            return f"{test.strip()}: {problem}"
    if int(row.split(".")[1]) >= FIRST_ADVISORY:
        return problem_of_numbers(what, tests)
    return None


def main():
    with open(PAGE, encoding="utf-8") as page:
        found = {match[1]: match.groups()[1:] for match in
                 ROW.finditer(page.read())}
    failed = False
    for row in ROWS:
        problem = problem_of_row(row, found.get(row))
        failed |= bool(problem)
        print(f"fail badinput {row}: {problem}" if problem
              else f"pass badinput {row}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
