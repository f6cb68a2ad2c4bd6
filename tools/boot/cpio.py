# SPDX-License-Identifier: MIT
"""Writes initramfs archives: cpio, format "newc".

An archive is built in memory and is the same bytes for the same content: all
owners are root, all times zero. Programs bring the shared libraries that they
need (elf.py). The tree is laid out like Debian's, with /bin, /sbin, /lib and
/lib64 as links into /usr, and paths are rewritten accordingly, because the
kernel unpacks entries literally.
"""

import os
import posixpath
import stat

import elf

MERGED = ("bin", "sbin", "lib", "lib64")
MAGIC = b"070701"
TRAILER = "TRAILER!!!"


def pad(data):
    return data + b"\0" * (-len(data) % 4)


def record(name, mode, data=b"", links=1, device=(0, 0), inode=0):
    """One entry: 13 numbers of eight hexadecimal digits, name, data."""
    encoded = os.fsencode(name) + b"\0"
    numbers = (inode, mode, 0, 0, links, 0, len(data), 0, 0, *device,
               len(encoded), 0)
    header = MAGIC + b"".join(b"%08X" % number for number in numbers)
    return pad(header + encoded) + pad(data)


def canonical(path):
    """An archive's name for an absolute path, /usr being merged."""
    name = posixpath.normpath("/" + path).lstrip("/")
    if name.split("/")[0] in MERGED:
        name = "usr/" + name
    return name


class Archive:
    """Entries by name; a later one replaces an earlier one."""

    def __init__(self, library_dirs=(), present=()):
        self._entries = {}
        self._library_dirs = library_dirs
        self._present = set(present)

    def names(self):
        return set(self._entries) | self._present

    def _put(self, name, mode, data=b"", device=(0, 0)):
        parent = posixpath.dirname(name)
        if parent and parent not in self.names():
            self._put(parent, stat.S_IFDIR | 0o755)
        self._entries[name] = (mode, data, device)

    def directory(self, path, mode=0o755):
        self._put(canonical(path), stat.S_IFDIR | mode)

    def symlink(self, path, target):
        self._put(canonical(path), stat.S_IFLNK | 0o777, target.encode())

    def merged_usr(self):
        for name in MERGED:
            self.directory("/usr/" + name)
            self._put(name, stat.S_IFLNK | 0o777, b"usr/" + name.encode())

    def character_device(self, path, major, minor):
        self._put(canonical(path), stat.S_IFCHR | 0o600,
                  device=(major, minor))

    def content(self, path, data, mode=0o644):
        self._put(canonical(path), stat.S_IFREG | mode, data)

    def file(self, source, path):
        """Adds one file, and the libraries if it is a program."""
        with open(source, "rb") as opened:
            data = opened.read()
        executable = os.stat(source).st_mode & 0o111
        self.content(path, data, 0o755 if executable else 0o644)
        for name, library in elf.libraries(source, self._library_dirs):
            if canonical(name) not in self.names():
                with open(library, "rb") as opened:
                    self.content(name, opened.read(), 0o755)

    def tree(self, source, path):
        """Adds a file or a directory with everything in it."""
        if os.path.islink(source) and not os.path.isfile(source):
            self.symlink(path, os.readlink(source))
        elif os.path.isdir(source):
            self.directory(path)
            for name in sorted(os.listdir(source)):
                self.tree(os.path.join(source, name), f"{path}/{name}")
        else:
            self.file(source, path)

    def encode(self):
        parts = []
        for inode, name in enumerate(sorted(self._entries), 1):
            mode, data, device = self._entries[name]
            links = 2 if stat.S_ISDIR(mode) else 1
            parts.append(record(name, mode, data, links, device, inode))
        parts.append(record(TRAILER, 0))
        return b"".join(parts)


def list_names(path):
    """The names in an uncompressed archive, without reading the data."""
    names = []
    with open(path, "rb") as archive:
        while True:
            header = archive.read(110)
            if header[:6] != MAGIC:
                return names
            size = int(header[54:62], 16)
            name_size = int(header[94:102], 16)
            name = archive.read(name_size)[:-1]
            archive.seek(-(110 + name_size) % 4, os.SEEK_CUR)
            archive.seek(size + -size % 4, os.SEEK_CUR)
            if os.fsdecode(name) == TRAILER:
                return names
            names.append(os.fsdecode(name))
