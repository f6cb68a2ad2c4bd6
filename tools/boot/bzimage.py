#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes the kernel proper, an ELF file, out of a Linux bzImage.

    bzimage.py VMLINUZ VMLINUX

A bzImage is a boot sector and setup code, then a small program with the
compressed kernel inside. The header in the setup code says where that payload
begins and how long it is; what compressed it shows in its first bytes. The
payload's last four bytes are its unpacked size and not part of the stream.
"""

import bz2
import gzip
import lzma
import os
import struct
import subprocess
import sys

SETUP_SECTS = 0x1F1
BOOT_FLAG = 0x1FE
HEADER_MAGIC = 0x202
PROTOCOL = 0x206
PAYLOAD_OFFSET = 0x248


class BadKernel(Exception):
    """The file is not a bzImage that we can take apart."""


def command(*words):
    """An unpacker that Python's library does not have."""
    def unpack(data):
        done = subprocess.run(words, input=data, stdout=subprocess.PIPE,
                              check=False)
        if done.returncode:
            raise BadKernel(f"{words[0]} cannot unpack the payload")
        return done.stdout
    return unpack


UNPACKERS = [
    (b"\x1f\x8b", gzip.decompress),
    (b"BZh", bz2.decompress),
    (b"\xfd7zXZ\0", lambda data: lzma.LZMADecompressor().decompress(data)),
    (b"\x02\x21\x4c\x18", command("lz4", "-dcq")),
    (b"\x28\xb5\x2f\xfd", command("zstd", "-dcq")),
]


def payload(image):
    """The compressed kernel inside a bzImage."""
    if len(image) < PAYLOAD_OFFSET + 8:
        raise BadKernel("too short for a kernel")
    flag, = struct.unpack_from("<H", image, BOOT_FLAG)
    magic = image[HEADER_MAGIC:HEADER_MAGIC + 4]
    protocol, = struct.unpack_from("<H", image, PROTOCOL)
    if flag != 0xAA55 or magic != b"HdrS" or protocol < 0x208:
        raise BadKernel("not a bzImage of boot protocol 2.08 or later")
    offset, length = struct.unpack_from("<II", image, PAYLOAD_OFFSET)
    start = ((image[SETUP_SECTS] or 4) + 1) * 512 + offset
    if length < 4 or start + length > len(image):
        raise BadKernel("the file is cut short")
    return image[start:start + length - 4]


def extract(image):
    """The ELF file inside a bzImage; an ELF file is returned as it is."""
    if image.startswith(b"\x7fELF"):
        return image
    data = payload(image)
    for magic, unpack in UNPACKERS:
        if data.startswith(magic):
            kernel = unpack(data)
            break
    else:
        raise BadKernel("unknown compression")
    if not kernel.startswith(b"\x7fELF"):
        raise BadKernel("the payload is not an ELF file")
    return kernel


def main(source, target):
    with open(source, "rb") as image:
        kernel = extract(image.read())
    with open(target + ".new", "wb") as out:
        out.write(kernel)
    os.replace(target + ".new", target)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BadKernel as error:
        sys.exit(f"{sys.argv[1]}: {error}")
