# SPDX-License-Identifier: MIT
"""Files that a boot loader may give for dom0, good and bad, and its memory.

Debian's kernel as it is, packed with xz, is started by GRUB in test_host.py.
"""

import os
import re
import shutil
import struct
import subprocess

import pytest

import machine

BOOT = os.path.join(machine.TOP, "out", "boot")
PANIC = rb"Panic on CPU.*\n(.*\n){5}"
ADVICE = "The boot loader has to give another kernel, initrd or dom0_mem="
ARGUMENTS = "console=hvc0 panic=-1 mitigations=off"


def of_boot(name):
    with open(os.path.join(BOOT, name), "rb") as opened:
        return opened.read()


def boot(name, directory, kernel, initrd=None, memory="512M", until=PANIC):
    """kernel and initrd are names in out/boot, or the bytes themselves."""
    modules = []
    for file, data in (("kernel", kernel), ("initrd", initrd)):
        path = directory / file
        if isinstance(data, bytes):
            path.write_bytes(data)
        elif data:
            shutil.copy(os.path.join(BOOT, data), path)
        if data is not None:
            modules.append(str(path))
    modules[0] += " " + ARGUMENTS
    return machine.qemu(
        name, "-kernel", machine.HYPERVISOR, "-append",
        f"console=com1 dom0_mem={memory}", "-initrd", ",".join(modules),
        until=until)


def repacked(command, adds_size):
    """Debian's kernel with a payload by another compressor."""
    image, kernel = of_boot("vmlinuz-generic"), of_boot("vmlinux")
    payload = subprocess.run(command, input=kernel, stdout=subprocess.PIPE,
                             check=True).stdout
    if adds_size:
        payload += struct.pack("<I", len(kernel))
    offset, = struct.unpack_from("<I", image, 0x248)
    start = (image[0x1F1] + 1) * 512 + offset
    head = bytearray(image[:start])
    struct.pack_into("<I", head, 0x24C, len(payload))
    return bytes(head) + payload


@pytest.mark.parametrize("name, command, adds_size", [
    ("gzip", ["gzip", "-1"], False),
    ("zstd", ["zstd", "-1", "-q"], True),
    ("lz4", ["lz4", "-l", "-1", "-q"], True)])
def test_other_compressors(tmp_path, name, command, adds_size):
    said = boot("kernel-" + name, tmp_path, repacked(command, adds_size),
                until=rb"Linux version.*\n|Panic")
    assert f"kernel unpacked ({name})" in said
    assert re.search(r"[0-9]{5} KiB of boot modules and unpacked kernel", said)
    assert "Linux version" in said


def test_a_kernel_cut_short(tmp_path):
    said = boot("kernel-cut", tmp_path, of_boot("vmlinuz-generic")[:1000000])
    assert ("dom0's kernel: the file is damaged: it ends before its payload"
            in said)
    assert "Give the boot loader another kernel" in said


def test_a_damaged_kernel(tmp_path):
    image = bytearray(of_boot("vmlinuz-generic"))
    image[300000:301000] = bytes(1000)
    said = boot("kernel-damaged", tmp_path, bytes(image))
    assert ("dom0's kernel: the file is damaged: its xz payload does not "
            "unpack to" in said)


def test_no_kernel_at_all(tmp_path):
    said = boot("kernel-none", tmp_path, bytes(100000))
    assert "dom0's kernel: neither a bzImage nor an ELF file" in said
    assert ADVICE in said


def test_a_program_that_is_no_kernel(tmp_path):
    said = boot("kernel-program", tmp_path, "root/bin/busybox")
    assert "dom0's kernel: it has no PVH entry point" in said
    assert ADVICE in said


def test_too_little_memory(tmp_path):
    """What the message advises does do."""
    said = boot("dom0-mem-little", tmp_path, "vmlinux", "dom0.cpio", "64M")
    found = re.search(r"dom0_mem=64M is too little: kernel and initrd alone "
                      r"take 1\d\d MiB; with (\d+)M Linux should do", said)
    assert found and ADVICE in said
    said = boot("dom0-mem-enough", tmp_path, "vmlinux", "dom0.cpio",
                found.group(1) + "M", until=rb"dom0's shell: leave|Panic")
    assert "dom0's shell: leave" in said
    assert "may run out of memory" not in said


def test_more_memory_than_there_is(tmp_path):
    said = boot("dom0-mem-much", tmp_path, "vmlinux", "dom0.cpio", "4G")
    assert re.search(r"dom0_mem=4096M cannot be had: 1\d\d\d MiB are free",
                     said)
    assert ADVICE in said


def test_without_an_initramfs(tmp_path):
    said = boot("initramfs-without", tmp_path, "vmlinux",
                until=rb"domain 0 has shut down|Panic")
    assert "d0: no initrd: there is no second module" in said
    assert "Unable to mount root fs" in said
    assert "domain 0 has shut down" in said


def test_an_initramfs_that_is_none(tmp_path):
    """It is Linux that knows what it can unpack."""
    said = boot("initramfs-wrong", tmp_path, "vmlinux", b"nonsense" * 10000,
                until=rb"domain 0 has shut down|Panic")
    assert "d0: initrd of 80000 bytes" in said
    assert re.search(r"nitramfs unpacking failed: invalid magic", said)
    assert "domain 0 has shut down" in said
