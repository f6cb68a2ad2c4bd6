#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does what README.md and docs/ say still hold?

    docs.py

One line per page on stdout: "pass docs PAGE" or "fail docs PAGE: N ..."; what
is wrong on stderr. Checked is what a program can check:

  paths       every path that is named exists; `out/` is built, so not asked
  functions   every `name()` in code quotes is a name in the sources, and in a
              row of a table it occurs in a file that the row names
  targets     every `make X` is a target
  links       every [text](page.md) leads somewhere
  locks       docs/design/locking.md has the ranks of lock_order.h in order
  packages    docs/dependencies.md has every package of config/*packages
  tables      the commands of xl, the keys that it reads, the debug keys and the options of the
              hypervisor, and PoD's counters are each told of where TABLES says
  tests       in a table whose last column is "test", every row names tests that
              there are, or says "none: why"
  calls       docs/abi.md has every command of the dispatch tables, and
              claims none that is not there

A part in capitals, or x alone, stands for any name: tests/unit/LAYER/test_x.c,
x_locked().
"""

import functools
import glob
import os
import re
import sys

TOPS = ["xen", "tools", "tests", "config", "docs"]
# Where a path in code quotes may begin.
BASES = ["", "xen/", "docs/"]
SOURCES = ["xen/**/*", "tools/**/*", "tests/**/*", "Makefile", "config/*"]
PLACEHOLDER = re.compile(r"(^|[/_])([A-Z]{2,}|x)([/._]|$)")
KNOWN_CAPITALS = {"README.md", "LICENSE"}

QUOTED = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?:(?:%s)/|\.ci/)[\w./*-]*[\w*/]" % "|".join(TOPS))
FILE_WORD = re.compile(r"[\w./*-]+\.(?:c|h|S|py|lds|sh|mk|md|cfg)")
FUNCTION = re.compile(r"([A-Za-z_]\w*)\(\)")
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")
MAKE = re.compile(r"(?:^    |`)make ([a-z][\w-]*)", re.M)
CALL = re.compile(r"\b(?:__HYPERVISOR|XENMEM|XEN_DOMCTL|XEN_SYSCTL|EVTCHNOP|"
                  r"GNTTABOP|SCHEDOP|VCPUOP|HVMOP|XENVER|XENPF|CONSOLEIO|"
                  r"PODIUM_(?:SYSCTL|MEMORY|DOMCTL))_\w+")
# A row of a dispatch table, or a case of a switch.
ANSWERED = re.compile(r"(?:\[|\{|case )(%s)(?=[\],:])" % CALL.pattern)
NOT_COMMANDS = re.compile(r"XEN_(?:SYSCTL|DOMCTL)_(CPUPOOL_OP|SCHEDOP|LOCKPROF|cpu_policy|cpu_featureset)_|"
                          r"XENMEM_resource_|_VERSION$|XEN_DOMCTL_CDF_")
ABSENT = "## What is not there"
# (page, table in the sources, its rows, how the page should name one)
TABLES = [
    ("docs/xl.md", "tools/xl/cmdtable.c", r'\.name = "([\w-]+)"',
     r"`(?:xl )?%s\b"),
    ("docs/xl.md", "tools/xl/guestkeys.c", r'\{"(\w+)", KEY_READ', r"`%s`"),
    ("docs/xl.md", "tools/xl/hostkeys.c", r'\{"(\w+)", KEY_READ', r"`%s`"),
    ("docs/hacking.md", "xen/guest/debug_keys.c", r"\{'(.)', \"",
     r"^\| `%s` \|"),
    ("docs/design/pod.md", "tools/libxc/pod.c", r'\] = "(\w+)"', r"^\|.*`%s`"),
    ("docs/hacking.md", "xen/boot/cmdline.c", r'\{"(\w+)", set_',
     r"`%s=?"),
]


@functools.lru_cache(None)
def read(path):
    with open(path, encoding="utf-8") as opened:
        return opened.read()


@functools.lru_cache(None)
def all_sources():
    """The text of everything that names may stand in."""
    files = {name for pattern in SOURCES
             for name in glob.glob(pattern, recursive=True)
             if os.path.isfile(name) and not name.endswith(".pyc")
             and "/corpus/" not in name}
    return "\n".join(read(name) for name in sorted(files))


@functools.lru_cache(None)
def all_names():
    """Each word of all_sources() that could be a function's name."""
    return set(re.findall(r"[A-Za-z_]\w*", all_sources()))


def is_placeholder(path):
    return (os.path.basename(path) not in KNOWN_CAPITALS
            and PLACEHOLDER.search(path))


def find(path):
    """The files that a path in a page stands for."""
    found = []
    for base in BASES:
        found += glob.glob(base + path.rstrip("/"))
    return found


def check_paths(text):
    named = set(PATH.findall(text))
    for quoted in QUOTED.findall(text):
        if FILE_WORD.fullmatch(quoted) and "/" in quoted:
            named.add(quoted)
    # Built, or in another place altogether, or a header of the ABI.
    text_outside = re.sub(r"(out|usr|etc|var|boot/root|\.\.)/[\w./*-]+"
                          r"|#include <[\w./]+>", "", text)
    for path in sorted(named):
        if path not in text_outside and path in text:
            continue
        if not is_placeholder(path) and not find(path):
            yield f"{path}: there is no such file"


def check_functions(text):
    for line in text.splitlines():
        names = [m[1] for quoted in QUOTED.findall(line)
                 for m in FUNCTION.finditer(quoted)
                 if not PLACEHOLDER.search(m[1])]
        for name in names:
            if name not in all_names():
                yield f"{name}(): there is no such function"
        files = [found for quoted in QUOTED.findall(line)
                 for found in find(quoted)
                 if os.path.isfile(found) and not found.startswith("out/")]
        if not line.startswith("|") or not files:
            continue
        there = "\n".join(read(file) for file in files)
        for name in names:
            if not re.search(r"\b%s\b" % name, there):
                yield f"{name}() is not in {' or '.join(files)}"


@functools.lru_cache(None)
def targets():
    text = read("Makefile") + "".join(
        read(name) for name in glob.glob("*/**/build.mk", recursive=True))
    rules = re.findall(r"^([a-z][\w -]*):", text, re.M)
    return {name for rule in rules for name in rule.split()}


def check_targets(text):
    for name in sorted(set(MAKE.findall(text)) - targets()):
        yield f"make {name}: there is no such target"


def check_links(text, page):
    for link in LINK.findall(text):
        target = os.path.normpath(os.path.join(os.path.dirname(page), link))
        if "://" not in link and not os.path.exists(target):
            yield f"{link}: the link leads nowhere"


def check_locks(text, page):
    if page != "docs/design/locking.md":
        return
    ranks = re.findall(r"^\s*(RANK_\w+),", read("xen/base/lock_order.h"), re.M)
    ranks = [rank for rank in ranks if rank not in ("RANK_NONE", "RANK_COUNT")]
    told = re.findall(r"^\| `(RANK_\w+)`", text, re.M)
    if told != ranks:
        yield f"ranks are {' '.join(ranks)}; the page has {' '.join(told)}"


def check_packages(text, page):
    if page != "docs/dependencies.md":
        return
    for path in ("config/packages", "config/boot-packages"):
        for line in read(path).splitlines():
            words = line.split("#")[0].split()
            if words and f"`{words[0]}`" not in text:
                yield f"{words[0]} of {path} is missing"


def check_tables(text, page):
    for where, source, row, form in TABLES:
        if where != page:
            continue
        for name in re.findall(row, read(source)):
            if not re.search(form % re.escape(name), text, re.M):
                yield f"{name} of {source} is missing"


def tests_of(path):
    """Names of the tests of a file of unit tests; None: no such file."""
    if not os.path.isfile(path):
        return None
    return set(re.findall(r"^TEST\((\w+)\)", read(path), re.M))


def missing_test(word, folder):
    """Whether a word that names a test names one that is not there. Without a
    folder it is in that one."""
    kind, _, name = word.rpartition("/")
    if kind in ("guests", "system"):
        return not os.path.exists(f"tests/guests/{name}/{name}.c"
                                  if kind == "guests" else
                                  f"tests/system/boots/{name}.sh")
    kind = "tools" if kind == "tools-unit" else kind or folder
    name, _, test = name.partition(".")
    tests = tests_of(f"tests/unit/{kind}/{name}.c")
    return tests is None or (test and test not in tests)


def check_tests(text):
    is_table = False
    folder = "".join(re.findall(r"^.*Tests are `tests/unit/(\w+)/`", text, re.M))
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            is_table = False
        elif cells[-1] == "test":
            is_table = True
        elif is_table and not set(cells[0]) <= set("- "):
            words = re.findall(r"(?:[\w-]+/)?(?:test|model)_[\w.]+"
                               r"|(?:guests|system)/\w+", cells[-1])
            if not words and not cells[-1].startswith("none: "):
                yield f"row {cells[0]} names no test"
            for word in words:
                if missing_test(word.rstrip("."), folder):
                    yield f"row {cells[0]}: there is no test {word}"


def answered():
    names = set()
    for path in glob.glob("xen/guest/*.c"):
        names.update(ANSWERED.findall(read(path)))
    return {name for name in names if not NOT_COMMANDS.search(name)}


def check_calls(text, page):
    if page != "docs/abi.md":
        return
    present, _, absent = text.partition(ABSENT)
    told = {name for name in CALL.findall(present)
            if not NOT_COMMANDS.search(name)}
    for name in sorted(set(CALL.findall(absent)) & answered() - told):
        yield f"{name} is answered, and said not to be there"
    for name in sorted(answered() - told):
        yield f"{name} is answered, and missing here"
    for name in sorted(told - answered()):
        yield f"{name} is told of, but in no dispatch table"


def problems(page):
    text = read(page)
    yield from check_paths(text)
    yield from check_functions(text)
    yield from check_targets(text)
    yield from check_links(text, page)
    yield from check_locks(text, page)
    yield from check_packages(text, page)
    yield from check_tables(text, page)
    yield from check_tests(text)
    yield from check_calls(text, page)


def main():
    status = 0
    for page in ["README.md"] + sorted(glob.glob("docs/**/*.md",
                                                 recursive=True)):
        found = list(problems(page))
        for what in found:
            print(f"{page}: {what}", file=sys.stderr)
        if found:
            print(f"fail docs {page}: {len(found)} of its claims are wrong")
            status = 1
        else:
            print(f"pass docs {page}")
    return status


if __name__ == "__main__":
    sys.exit(main())
