# SPDX-License-Identifier: MIT
"""What QEMU is told, and what it is given to boot.

QEMU splits "-initrd" at spaces and commas, so it runs in a directory of its
own where dom0's kernel and initramfs have plain names.
"""

import gzip
import os
import shutil

import cpio
import images
import kvm
import tcg
import uefi
from disc import Unusable

DEFAULT_CPU = {"tcg": "EPYC", "kvm": "host"}
# Xen itself runs dom0 paravirtualised, where QEMU 7.2's iret and SMAP do not
# agree, idles with mwait in a way that QEMU refuses, and is told of a guest's
# RDTSCP as if it were RDTSC, which it does not believe.
XEN_CPU = "EPYC,-smap,-monitor,-rdtscp"
XEN_ARGS = "cpuidle=0"
GZIP_MAGIC = b"\x1f\x8b"
RESETS = "cpu_reset.log"  # QEMU's word on a triple fault


def choose_accel(wanted, icount, obstacle=kvm.obstacle):
    """(kvm or tcg, why not the other or None).

    auto: KVM where a guest may use vmx or svm, emulation otherwise.
    """
    if wanted == "tcg":
        return "tcg", None
    why_not = ("KVM cannot count time in instructions (--icount)" if icount
               else obstacle())
    if wanted == "kvm" and why_not:
        raise Unusable(f"--accel kvm: {why_not}")
    return ("tcg", why_not) if why_not else ("kvm", None)


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


def processors(options, accel):
    """(value of -accel, value of -smp, options of the hypervisor)"""
    if accel != "tcg":
        return accel, options.cpus, options.hypervisor_args
    machine, cpus, more = tcg.processors(options.cpus, options.icount,
                                         not is_xen(options.hypervisor))
    return machine, cpus, " ".join([options.hypervisor_args, *more])


def multiboot_words(options, arguments):
    """QEMU itself as the boot loader."""
    modules = "vmlinux " + options.dom0_args.replace(",", ",,")
    if not options.kernel:
        modules += ",dom0.cpio"
    return ["-kernel", "hypervisor", "-append", arguments, "-initrd", modules]


def command(options, accel, directory):
    """The command line, to be run in the prepared directory, which has a disc
    if the machine is to boot by UEFI."""
    machine, cpus, arguments = processors(options, accel)
    words = ["qemu-system-x86_64", "-nodefaults", "-no-user-config",
             "-display", "none", "-no-reboot",
             "-m", options.memory, "-accel", machine,
             "-smp", str(cpus),
             "-cpu", cpu_model(options, accel),
             "-chardev", "stdio,id=com1,signal=off",
             "-serial", "chardev:com1",
             "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
             "-d", "cpu_reset", "-D", os.path.join(directory, RESETS)]
    if options.uefi:
        words += uefi.words(directory, options.ovmf)
    else:
        words += multiboot_words(options, arguments)
    if options.icount:
        words += ["-icount", "shift=0,sleep=off"]
    return words
