# SPDX-License-Identifier: MIT
"""What `make run` shows."""

import os

import machine


def test_demo():
    path = os.path.join(machine.TOP, "tests", "demo", "demo.sh")
    with open(path, encoding="utf-8") as demo:
        output, status, messages, _ = machine.run("demo", demo.read())
    print(output, messages)
    assert status == 0
    rows = [line.split() for line in output.splitlines()]
    first, last = ([row for row in rows if row[:len(words)] == words][0]
                   for words in (["no", "guest", "yet"],
                                 ["both", "destroyed"]))
    assert first[-1] == last[-1]
