# SPDX-License-Identifier: MIT
"""What QEMU is told, and what it is given to boot.

QEMU splits "-initrd" at spaces and commas, so it runs in a directory of its
own where dom0's kernel and initramfs have plain names.
"""

import gzip
import os
import re
import shutil

import cpio
import images
import tcg

DEFAULT_CPU = {"tcg": "EPYC", "kvm": "host"}
# Xen itself runs dom0 paravirtualised, where QEMU 7.2's iret and SMAP do not
# agree, idles with mwait in a way that QEMU refuses, and is told of a guest's
# RDTSCP as if it were RDTSC, which it does not believe.
XEN_CPU = "EPYC,-smap,-monitor,-rdtscp"
XEN_ARGS = "cpuidle=0"
GZIP_MAGIC = b"\x1f\x8b"
RESETS = "cpu_reset.log"  # QEMU's word on a triple fault


class Unusable(Exception):
    """The user asked for what cannot be, or something is missing."""


def processor_offers_svm():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        return re.search(r"^flags\s*:.* svm( |$)", info.read(), re.M)


def choose_accel(wanted):
    """auto: KVM where a guest may use svm, emulation otherwise.

    That /dev/kvm exists says nothing about nesting; the flag does, because a
    virtual machine shows it only when nesting is on, and a real one is asked
    for its kvm_amd.nested.
    """
    if wanted != "auto":
        return wanted
    nested = "/sys/module/kvm_amd/parameters/nested"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    if not processor_offers_svm() or not os.path.exists(nested):
        return "tcg"
    with open(nested, encoding="ascii") as value:
        return "kvm" if value.read().strip() in ("1", "Y") else "tcg"


def is_xen(path):
    """Whether this is Xen, for comparison, rather than Podium."""
    return os.path.basename(path).startswith("xen")


def cpu_model(options, accel):
    if options.cpu:
        return options.cpu
    if accel == "tcg" and is_xen(options.hypervisor):
        return XEN_CPU
    return DEFAULT_CPU[accel]


def parse_add(text):
    """SRC[:DEST] as (path here, path in dom0)."""
    source, _, target = text.partition(":")
    if not os.path.exists(source):
        raise Unusable(f"--add {text}: there is no {source}")
    name = os.path.basename(os.path.abspath(source))
    if not target:
        target = f"/root/{name}"
    elif target.endswith("/"):
        target += name
    if not target.startswith("/"):
        raise Unusable(f"--add {text}: DEST must begin with a /")
    return source, target


def extra_archive(dom0_initramfs, adds, jobs):
    """A second archive with what this run puts into dom0, or nothing.

    jobs are (file here, name under /podium) that dom0's init looks for.
    """
    if not adds and not jobs:
        return b""
    archive = cpio.Archive(images.LIBRARY_DIRS,
                           cpio.list_names(dom0_initramfs))
    for source, target in adds:
        archive.tree(source, target)
    for source, name in jobs:
        with open(source, "rb") as opened:
            archive.content(f"/podium/{name}", opened.read(), 0o755)
    return archive.encode()


def put_hypervisor(path, directory):
    """Links or unpacks it as directory/hypervisor."""
    target = os.path.join(directory, "hypervisor")
    with open(path, "rb") as opened:
        data = opened.read(2)
    if data == GZIP_MAGIC:
        with gzip.open(path) as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out)
    else:
        os.symlink(os.path.abspath(path), target)


def need(path):
    if not os.path.exists(path):
        raise Unusable(f"there is no {path}; 'make all' builds it")
    return path


def prepare(directory, options, adds, jobs):
    """Fills the directory that QEMU runs in."""
    kernel = (options.kernel or options.dom0_kernel or
              os.path.join(images.BOOT, "vmlinux"))
    put_hypervisor(need(options.hypervisor), directory)
    os.symlink(os.path.abspath(need(kernel)),
               os.path.join(directory, "vmlinux"))
    if options.kernel:
        return
    initramfs = need(os.path.join(images.BOOT, "dom0.cpio"))
    target = os.path.join(directory, "dom0.cpio")
    extra = extra_archive(initramfs, adds, jobs)
    if not extra:
        os.symlink(initramfs, target)
        return
    shutil.copyfile(initramfs, target)
    with open(target, "ab") as out:
        out.write(extra)


def command(options, accel, directory):
    """The command line, to be run in the prepared directory."""
    machine, cpus, more = accel, options.cpus, []
    if accel == "tcg":
        machine, cpus, more = tcg.processors(
            options.cpus, options.icount, not is_xen(options.hypervisor))
    modules = "vmlinux " + options.dom0_args.replace(",", ",,")
    if not options.kernel:
        modules += ",dom0.cpio"
    words = ["qemu-system-x86_64", "-nodefaults", "-no-user-config",
             "-display", "none", "-no-reboot",
             "-m", options.memory, "-accel", machine,
             "-smp", str(cpus),
             "-cpu", cpu_model(options, accel),
             "-chardev", "stdio,id=com1,signal=off",
             "-serial", "chardev:com1",
             "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
             "-d", "cpu_reset", "-D", os.path.join(directory, RESETS),
             "-kernel", os.path.join(directory, "hypervisor"),
             "-append", " ".join([options.hypervisor_args, *more]),
             "-initrd", modules]
    if options.icount:
        words += ["-icount", "shift=0,sleep=off"]
    return words
