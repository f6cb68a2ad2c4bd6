# SPDX-License-Identifier: MIT
"""System tests: Debian kernels as dom0 and guests, driven through xl.

Booting dom0 takes much longer than most checks, so checks share boots. Each
boots/NAME.sh is one boot of dom0, and each function check_NAME in it one
test; machine.py runs the boot and says how they ended. Checks named
check_long_NAME are left out unless --long is given.

    make system PYTEST_ARGS="-k pause"      some of them (-v names them)
    make system PYTEST_ARGS=--long          also those that take long
    PODIUM_TEST_PATIENCE=3 make system      on a slow machine: all limits x 3

Everything that a boot said is kept in out/system.
"""

import os
import re
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..",
                                "tools", "boot"))

import machine  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true",
                     help="also the checks that take long")


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".sh" and file_path.parent.name == "boots":
        return BootFile.from_parent(parent, path=file_path)
    return None


# These take longest. Where several boots run at once, they begin, so that none
# is left over at the end, alone.
FIRST = ["vmx", "sweep", "guests", "soak", "life"]


def begin_with_the_longest(item):
    name = item.path.stem
    return FIRST.index(name) if name in FIRST else len(FIRST)


def pytest_collection_modifyitems(config, items):
    """Leaves out the long ones, and begins with what takes longest."""
    kept = [item for item in items if config.getoption("--long") or
            not item.name.startswith("long_")]
    config.hook.pytest_deselected(
        items=[item for item in items if item not in kept])
    items[:] = sorted(kept, key=begin_with_the_longest)


def pytest_collection_finish(session):
    for item in session.items:
        if isinstance(item, Check):
            item.parent.boot.want(item.name)


class BootFile(pytest.File):
    """A boot of dom0 and the checks in it."""

    def collect(self):
        text = self.path.read_text(encoding="utf-8")
        self.boot = machine.CheckBoot(self.path, text)
        for found in re.finditer(r"^check_(\w+)\(\)", text, re.M):
            yield Check.from_parent(self, name=found.group(1))

    def teardown(self):
        self.boot.end()


class Check(pytest.Item):
    """One check of a boot."""

    def runtest(self):
        self.parent.boot.wait_for(self.name)

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, machine.Failed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, None, f"{self.path.stem}: {self.name}"
