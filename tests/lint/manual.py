#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is the manual well-formed, and does it tell of everything?

    manual.py FILE...

FILE is what tools/manual wrote: pages of the manual (NAME.SECTION), and bash's
completion. One line per file on stdout: "pass manual FILE" or "fail manual
FILE: N ..."; what is wrong on stderr. A page is made from the tables that xl
uses; checked is what could still go wrong on the way:

  requests    only those that are used on purpose, each where it may stand
  escapes     only those that roff.c writes, fonts end where they began
  words       every command, option and key of the tables is on its page

If groff is installed, it must have nothing to say either. bash must be able to
parse the completion and to complete what is TYPED, if there is a bash.
"""

import os
import re
import shutil
import subprocess
import sys

REQUESTS = {".TH", ".SH", ".SS", ".PP", ".TP", ".nf", ".fi", '.\\"'}
ESCAPE = re.compile(r"\\(\(..|.)")
ESCAPES = set("e-&\"") | {"fB", "fI", "fR"} | {"(ha", "(ti", "(dq"}

COMMAND = re.compile(r'\.name = "([\w-]+)"')
OPTION = re.compile(r"\{'(\w)',\s+(NULL|\"[\w-]+\"),\s+(NULL|\"\w+\")")
KEY = re.compile(r'^    \{"(\w+)", KEY_(?:READ|IGNORED)', re.M)
ABSENT = re.compile(r'ABSENT\("([\w.]+)"\)')
TABLES = {
    "xl.1": "tools/xl/cmdtable.c",
    "xl.cfg.5": "tools/xl/guestkeys.c",
    "xl.conf.5": "tools/xl/hostkeys.c",
    "xl": "tools/xl/cmdtable.c",
}


def read(path):
    with open(path, encoding="utf-8") as opened:
        return opened.read()


def check_escapes(number, line):
    for escape in ESCAPE.findall(line):
        if escape == "f":
            continue
        if escape not in ESCAPES:
            yield f"{number}: escape \\{escape}"
    fonts = re.findall(r"\\f(.)", line)
    if fonts and fonts[-1] != "R":
        yield f"{number}: a font does not end"


def check_requests(lines):
    item_at = None
    for number, line in enumerate(lines, 1):
        if line.startswith("'"):
            yield f"{number}: begins with '"
        if not line.strip():
            yield f"{number}: empty"
        if line.startswith("."):
            request = line.split()[0][:3]
            if request not in REQUESTS:
                yield f"{number}: request {request}"
            if item_at is not None and number <= item_at + 2:
                yield f"{number}: an item without text"
            item_at = number if request == ".TP" else None
        yield from check_escapes(number, line)


def plain(page):
    """A page as its reader sees it, roughly."""
    page = re.sub(r"\\f.", "", page)
    for escape, char in (("\\-", "-"), ("\\(ha", "^"), ("\\(ti", "~"),
                         ("\\(dq", '"'), ("\\&", ""), ("\\e", "\\")):
        page = page.replace(escape, char)
    return page


def check_commands(text, table):
    rows = re.split(r"\n    \{\n", table)[1:]
    for row in rows:
        name = COMMAND.search(row)[1]
        match = re.search(r'^\.SS "%s\b(.*?)(?=^\.S[SH])' % re.escape(name),
                          text, re.M | re.S)
        if not match:
            yield f"command {name} is missing"
            continue
        for letter, long, argument in OPTION.findall(row):
            if not re.search(r"^-%s\b" % letter, match[1], re.M):
                yield f"option -{letter} of {name} is missing"
            if long != "NULL" and "--" + long.strip('"') not in match[1]:
                yield f"option --{long} of {name} is missing"


def check_completion(text, table):
    for row in re.split(r"\n    \{\n", table)[1:]:
        name = COMMAND.search(row)[1]
        match = re.search(r"^    %s\) (.*)" % re.escape(name), text, re.M)
        if not match:
            yield f"command {name} is missing"
            continue
        for letter, long, _ in OPTION.findall(row):
            if f"-{letter}" not in match[1]:
                yield f"option -{letter} of {name} is missing"


# What is typed, and what bash must then offer, with a domain named "one".
TYPED = {
    "trigge": ["trigger"],
    "trigger o": ["one"],
    "trigger one ": ["nmi", "reset", "init", "power", "sleep"],
    "trigger one n": ["nmi"],
    "list --lo": ["--long"],
    "help desc": [],
    "help des": ["destroy"],
}


def complete(path, words):
    script = f"""
        xl() {{ printf 'Name ID\\none 1\\n'; }}
        . '{path}'
        COMP_WORDS=(xl {words}{"''" if words.endswith(" ") else ""})
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _xl
        printf '%s\\n' "${{COMPREPLY[@]}}"
        """
    done = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE,
                          text=True, check=False)
    return done.stdout.split()


def try_completion(path):
    if not shutil.which("bash"):
        return
    for words, wanted in TYPED.items():
        offered = complete(path, words)
        if offered != wanted:
            yield f"xl {words}: offers {offered}, and not {wanted}"


def check_keys(text, table):
    for name in KEY.findall(table):
        if not re.search(r"^%s=" % name, text, re.M):
            yield f"key {name} is missing"
    for name in ABSENT.findall(table):
        if not re.search(r"(^|, )%s(,|$)" % re.escape(name), text, re.M):
            yield f"key {name} is missing among the ignored ones"


def run(command, path):
    if not shutil.which(command[0]):
        return
    done = subprocess.run(command + [path], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode or done.stderr:
        yield f"{command[0]}: {done.stderr.strip()}"


def problems(path):
    name = os.path.basename(path)
    text, table = read(path), read(TABLES[name])
    if name == "xl":
        yield from check_completion(text, table)
        yield from run(["bash", "-n"], path)
        yield from try_completion(path)
        return
    yield from check_requests(text.splitlines())
    check = check_commands if name == "xl.1" else check_keys
    yield from check(plain(text), table)
    yield from run(["groff", "-man", "-ww", "-z"], path)


def main():
    status = 0
    for path in sys.argv[1:]:
        found = list(problems(path))
        for what in found:
            print(f"{path}: {what}", file=sys.stderr)
        if found:
            print(f"fail manual {path}: {len(found)} problems")
            status = 1
        else:
            print(f"pass manual {path}")
    return status


if __name__ == "__main__":
    sys.exit(main())
