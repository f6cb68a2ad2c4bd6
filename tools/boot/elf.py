# SPDX-License-Identifier: MIT
"""Finds the shared libraries that an x86-64 program needs.

Reads the ELF file itself rather than asking ldd, which runs the program's
loader and so works only on a host of the same kind.
"""

import os
import struct

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB = 1, 5
MACHINE_X86_64 = 62

HOST_DIRS = ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
             "/usr/x86_64-linux-gnu/lib")
GUEST_DIR = "/usr/lib/x86_64-linux-gnu"


class MissingLibrary(Exception):
    """A program needs a library that is in none of the directories."""


def c_string(data, offset):
    return data[offset:data.index(b"\0", offset)].decode()


def segments(data):
    """Yields (type, file offset, address, size in the file)."""
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for at in range(offset, offset + size * count, size or 1):
        kind, _, start, address, _, length = struct.unpack_from(
            "<IIQQQQ", data, at)
        yield kind, start, address, length


def file_offset(data, address):
    for kind, start, base, length in segments(data):
        if kind == PT_LOAD and base <= address < base + length:
            return start + address - base
    raise ValueError("address outside of the file")


def dynamic_entries(data):
    for kind, start, _, length in segments(data):
        if kind == PT_DYNAMIC:
            for at in range(start, start + length, 16):
                yield struct.unpack_from("<QQ", data, at)


def needs(path):
    """(loader or None, names of needed libraries); nothing if no ELF file."""
    with open(path, "rb") as opened:
        if opened.read(5) != b"\x7fELF\x02":
            return None, []
        opened.seek(0)
        data = opened.read()
    if struct.unpack_from("<H", data, 18)[0] != MACHINE_X86_64:
        return None, []
    loader = next((c_string(data, start) for kind, start, _, _
                   in segments(data) if kind == PT_INTERP), None)
    entries = list(dynamic_entries(data))
    strings = next((file_offset(data, value) for tag, value in entries
                    if tag == DT_STRTAB), 0)
    return loader, [c_string(data, strings + value)
                    for tag, value in entries if tag == DT_NEEDED]


def find(name, directories, wanted_by):
    for directory in (*directories, *HOST_DIRS):
        path = os.path.join(directory, name)
        if os.path.exists(path):
            return path
    raise MissingLibrary(f"{wanted_by} needs {name}, which is not here")


def libraries(program, directories=()):
    """Yields (path in the guest, path here) for all that program needs."""
    seen = set()
    waiting = [program]
    while waiting:
        path = waiting.pop()
        loader, names = needs(path)
        if loader and loader not in seen:
            seen.add(loader)
            yield loader, find(os.path.basename(loader), directories, path)
        for name in names:
            # The loader is also a library that libc names.
            if name in seen or name.startswith("ld-linux"):
                continue
            seen.add(name)
            library = find(name, directories, path)
            waiting.append(library)
            yield f"{GUEST_DIR}/{name}", library
