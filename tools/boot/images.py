#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds what is booted from the unpacked packages, and from our own tools.

    images.py kernels | guest | dom0 | modules

All is read from and written to out/:

    boot/root            the unpacked packages (fetch.py)
    boot/vmlinux         dom0's kernel, uncompressed
    boot/vmlinuz-NAME    guest kernels: generic, cloud
    boot/guest.cpio.gz   initramfs of guests: busybox and guest-init
    boot/dom0.cpio       initramfs of dom0: busybox, dom0-init, xenstored,
                         xenconsoled, our tools, the guest's kernels and
                         initramfs under /boot, config/guests/ in /etc/xen
    boot/modules-NAME.cpio.gz  a kernel's modules for guests, the kernel's
                         own and ours, in /lib/modules; to be appended to
                         guest.cpio.gz, as is:
    boot/dmsetup.cpio.gz dmsetup with its libraries
    linux/               the packages of the group linux, and modules built
                         (tools/linux)
    tools/               every executable in it goes to dom0's /usr/sbin

Uncompressed for dom0, since an emulated processor copies 30 MB faster than it
unpacks 15, and takes 7 s to unpack the kernel. A file is only written if that changes it, so that make sees what
is newer.
"""

import glob
import gzip
import os
import sys

import bzimage
import cpio
import elf

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
HERE = os.path.join(TOP, "tools", "boot")
BOOT = os.path.join(TOP, "out", "boot")
ROOT = os.path.join(BOOT, "root")
LIBRARY_DIRS = [os.path.join(ROOT, "usr/lib/x86_64-linux-gnu"),
                os.path.join(ROOT, "lib/x86_64-linux-gnu")]

MODULES = ["xen-privcmd", "xenfs/xenfs", "xen-evtchn", "xen-gntdev",
           "xen-gntalloc"]
# By tools/linux, and the kernel's that are used together with them. What a
# kernel has built in is no file.
OUR_MODULES = ["tmem-swap", "tmem-cache"]
GUEST_MODULES = ["crypto/lzo-rle", "drivers/block/brd",
                 "drivers/block/zram/zram", "drivers/md/dm-delay",
                 "drivers/md/dm-mod", "mm/zsmalloc"]
LINUX = os.path.join(TOP, "out", "linux")
XEN_PROGRAMS = ["xenstored", "oxenstored", "xenconsoled", "xenconsole",
                "xenstore-control"]
XEN_PROGRAMS_DIR = "/usr/lib/xen-4.17/bin"
XENSTORE_COMMANDS = ["ls", "read", "write", "list", "rm", "watch", "exists",
                     "chmod"]


def write_if_changed(path, data):
    if os.path.exists(path):
        with open(path, "rb") as old:
            if old.read() == data:
                return
    with open(path + ".new", "wb") as out:
        out.write(data)
    os.replace(path + ".new", path)


def write_compressed(name, archive):
    write_if_changed(os.path.join(BOOT, name),
                     gzip.compress(archive.encode(), mtime=0))


def read(path):
    with open(path, "rb") as opened:
        return opened.read()


def only(pattern):
    """The one file that matches."""
    found = glob.glob(os.path.join(ROOT, pattern))
    if len(found) != 1:
        sys.exit(f"images: expected one {pattern} in {ROOT}, "
                 f"found {len(found)}; remove out/boot and build again")
    return found[0]


def generic_kernel():
    return only("boot/vmlinuz-*[0-9]-amd64")


def cloud_kernel():
    return only("boot/vmlinuz-*-cloud-amd64")


def build_kernels():
    generic = read(generic_kernel())
    write_if_changed(f"{BOOT}/vmlinuz-generic", generic)
    write_if_changed(f"{BOOT}/vmlinuz-cloud",
                     read(cloud_kernel()))
    write_if_changed(f"{BOOT}/vmlinux", bzimage.extract(generic))


def base_archive(init):
    """What dom0 and guests have in common: busybox as everything."""
    archive = cpio.Archive(LIBRARY_DIRS)
    archive.merged_usr()
    archive.directory("/dev")
    archive.character_device("/dev/console", 5, 1)
    for name in ("proc", "sys", "run", "root", "etc"):
        archive.directory("/" + name)
    archive.directory("/tmp", 0o1777)
    archive.file(os.path.join(ROOT, "bin/busybox"), "/bin/busybox")
    archive.symlink("/bin/sh", "busybox")
    archive.content("/init", read(os.path.join(HERE, init)), 0o755)
    return archive


def build_guest():
    archive = base_archive("guest-init")
    # The kernel runs these when the toolstack asks for a shutdown. busybox's
    # own would ask init, which is a script here and does not listen.
    for name in ("poweroff", "reboot"):
        archive.content(f"/sbin/{name}", b"#!/bin/sh\nexec /bin/busybox "
                        + name.encode() + b" -f\n", 0o755)
    write_compressed("guest.cpio.gz", archive)


def add_modules(archive):
    version = os.path.basename(generic_kernel()).replace("vmlinuz-", "")
    drivers = os.path.join(ROOT, "lib/modules", version,
                           "kernel/drivers/xen")
    for name in MODULES:
        archive.file(os.path.join(drivers, name + ".ko"),
                     f"/lib/modules/{os.path.basename(name)}.ko")


def add_xen_programs(archive):
    for name in XEN_PROGRAMS:
        archive.file(ROOT + f"{XEN_PROGRAMS_DIR}/{name}",
                     f"{XEN_PROGRAMS_DIR}/{name}")
        archive.symlink(f"/usr/sbin/{name}", f"{XEN_PROGRAMS_DIR}/{name}")
    # oxenstored has its paths from there.
    archive.file(ROOT + "/etc/xen/oxenstored.conf",
                 "/etc/xen/oxenstored.conf")
    # One program under many names.
    archive.file(ROOT + "/usr/bin/xenstore", "/usr/bin/xenstore")
    for name in XENSTORE_COMMANDS:
        archive.symlink(f"/usr/bin/xenstore-{name}", "xenstore")


def add_thread_library(archive):
    """glibc loads this one by itself when a thread is cancelled."""
    name = "libgcc_s.so.1"
    archive.file(elf.find(name, LIBRARY_DIRS, "pthread_cancel"),
                 f"{elf.GUEST_DIR}/{name}")


def add_tools(archive):
    for path in sorted(glob.glob(os.path.join(TOP, "out/tools/*"))):
        if os.path.isfile(path) and os.access(path, os.X_OK):
            archive.file(path, "/usr/sbin/" + os.path.basename(path))


def add_guests(archive):
    for name in ("vmlinuz-generic", "vmlinuz-cloud", "guest.cpio.gz"):
        archive.file(f"{BOOT}/{name}", f"/boot/{name}")
    # Empty; Debian's own xl, which comparisons use, wants one.
    archive.content("/etc/xen/xl.conf", b"")
    for path in sorted(glob.glob(os.path.join(TOP, "config/guests/*.cfg"))):
        archive.file(path, "/etc/xen/" + os.path.basename(path))


def add_guest_modules(archive, kernel):
    version = os.path.basename(kernel).replace("vmlinuz-", "")
    for name in GUEST_MODULES:
        path = os.path.join(ROOT, "lib/modules", version, "kernel",
                            name + ".ko")
        if os.path.exists(path):
            archive.file(path, f"/lib/modules/{os.path.basename(path)}")
    for name in OUR_MODULES:
        path = os.path.join(LINUX, "modules", version, name + ".ko")
        if not os.path.exists(path):
            sys.exit(f"images: there is no {path}: the headers in {LINUX} "
                     f"are not those of the kernel {version}")
        archive.file(path, f"/lib/modules/{name}.ko")


def build_modules():
    present = ["usr", "usr/lib", "usr/sbin"]
    for name, kernel in (("generic", generic_kernel()),
                         ("cloud", cloud_kernel())):
        archive = cpio.Archive(present=present)
        add_guest_modules(archive, kernel)
        write_compressed(f"modules-{name}.cpio.gz", archive)
    libraries = [os.path.join(LINUX, "root", name) for name in
                 ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")]
    archive = cpio.Archive(libraries, present)
    archive.file(os.path.join(LINUX, "root/sbin/dmsetup"), "/sbin/dmsetup")
    write_compressed("dmsetup.cpio.gz", archive)


def build_dom0():
    archive = base_archive("dom0-init")
    archive.content("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    archive.content("/etc/group", b"root:x:0:\ntty:x:5:\n")
    archive.directory("/var/log/xen/console")
    archive.directory("/var/lib/xen")
    archive.directory("/var/lib/xenstored")
    archive.symlink("/var/run", "../run")
    add_modules(archive)
    add_xen_programs(archive)
    add_thread_library(archive)
    add_tools(archive)
    add_guests(archive)
    write_if_changed(f"{BOOT}/dom0.cpio", archive.encode())


if __name__ == "__main__":
    {"kernels": build_kernels, "guest": build_guest,
     "dom0": build_dom0, "modules": build_modules}[sys.argv[1]]()
