#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the includes of xen/ follow the arrow?

    layers.py [ROOT]

One line per folder on stdout: "pass layers FOLDER" or "fail layers FOLDER:
N includes against the arrow"; the offending includes on stderr.

The picture (docs/design/layers.md), outermost first:

    boot > guest > domain > p2m > overcommit > mm > base > arch/*.h > lib > types

A folder may include itself and whatever is right of it, and what its row in
EXTRA adds.
"""

import os
import re
import sys

ARROW = ["boot", "guest", "domain", "p2m", "overcommit", "mm", "base", "arch",
         "lib", "types"]

# The machines implement arch/*.h; they are no layer that others may include.
MACHINES = ["arch/x86", "arch/fake"]
MACHINE_MAY = {"arch", "lib", "types"}

# Exceptions to "itself and whatever is right of it", with the reason.
EXTRA = {
    ("boot", "arch/x86"): "boot brings the machine up",
    ("boot", "xen"): "the public ABI: dom0's start info",
    ("guest", "xen"): "the public ABI is what guest/ decodes",
    ("domain", "xen"): "layouts that a guest shares with domain/",
    ("guest", "public"): "what Podium adds to the ABI",
    ("arch/x86", "base/panic.h"): "the machines may call panic",
    ("arch/fake", "base/panic.h"): "the machines may call panic",
    ("arch/x86", "base/console.h"): "what a trap or a backtrace prints",
    ("arch/x86", "base/percpu.h"): "it reserves room for it in its own area",
    ("arch/x86", "mm/boot_alloc.h"): "tables and stacks before there is a heap",
    **{("boot", header): "Debian's decoders, for dom0's kernel"
       for header in ("lz4.h", "lzma.h", "zlib.h", "zstd.h")},
    ("overcommit", "lz4.h"): "Debian's compressor, in tmem_lz4.c alone",
}
# Between suppliers there is no arrow at all.
SUPPLIERS = {"pod", "share", "tmem"}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[">]', re.M)
COMPILER = re.compile(r"^std(bool|def|int|arg|noreturn)\.h$")


def folder_of(path):
    """The layer or machine that a path relative to xen/ belongs to."""
    for machine in MACHINES:
        if path.startswith(machine + "/"):
            return machine
    return path.split("/")[0]


def may_include(folder, included):
    target = folder_of(included)
    if target == folder or (folder, target) in EXTRA:
        return True
    if (folder, included) in EXTRA:
        return True
    if folder in MACHINES:
        return target in MACHINE_MAY
    if folder not in ARROW or target not in ARROW:
        return False
    # arch/*.h and lib do not know each other.
    if {folder, target} == {"arch", "lib"}:
        return False
    return ARROW.index(target) > ARROW.index(folder)


def supplier_of(path):
    """pod for overcommit/pod.c and overcommit/pod_cache.h; else None."""
    folder, _, name = path.partition("/")
    stem = re.split(r"[_.]", name)[0]
    return stem if folder == "overcommit" and stem in SUPPLIERS else None


def problem(path, kind, included):
    """What is wrong with one include, or None."""
    folder = folder_of(path)
    if kind == "<":
        hosted = folder == "arch/fake"
        if hosted or COMPILER.match(included):
            return None
        if included.startswith("xen/") and (folder, "xen") in EXTRA:
            return None
        if (folder, included) in EXTRA:
            return None
        return "a header that is neither ours nor the compiler's"
    if "/" not in included:
        return "written without its folder"
    mine, theirs = supplier_of(path), supplier_of(included)
    if mine and theirs and mine != theirs:
        return "suppliers do not know one another"
    if not may_include(folder, included):
        return f"{folder} must not know {folder_of(included)}"
    return None


def sources(root):
    for directory, _, files in sorted(os.walk(root)):
        for name in sorted(files):
            if name.endswith((".c", ".h", ".S")):
                yield os.path.relpath(os.path.join(directory, name), root)


def main(root="xen"):
    wrong = {}
    for path in sources(root):
        folder = folder_of(path)
        if folder == "public":
            continue
        wrong.setdefault(folder, 0)
        with open(os.path.join(root, path), encoding="utf-8") as source:
            text = source.read()
        for match in INCLUDE.finditer(text):
            what = problem(path, match[1], match[2])
            if what:
                line = text.count("\n", 0, match.start(2)) + 1
                wrong[folder] += 1
                print(f"{root}/{path}:{line}: {match[2]}: {what}",
                      file=sys.stderr)
    for folder, count in wrong.items():
        if count:
            print(f"fail layers {folder}: {count} includes against the arrow")
        else:
            print(f"pass layers {folder}")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
