# SPDX-License-Identifier: MIT
"""Boot discs, which GRUB's tools make: the hypervisor, dom0's kernel and its
initramfs as multiboot 2 modules, as on a disk.

A disc is also a disk image: GRUB is at its beginning for a BIOS, and in a
partition of its own for UEFI.
"""

import os
import re
import shutil
import subprocess

# Platforms: who starts GRUB.
BIOS = "i386-pc"
UEFI = "x86_64-efi"

PACKAGES = {BIOS: "grub-pc-bin", UEFI: "grub-efi-amd64-bin"}
MODULES = "/usr/lib/grub"
# grub-mkrescue calls mformat for UEFI's partition.
PROGRAMS = (("grub-mkrescue", "grub-common"), ("xorriso", "xorriso"),
            ("mformat", "mtools"))

# Nobody looks at the screen; and GRUB 2.06 does not survive Bochs's one mode of
# points, which has 8 bits and a palette. The command multiboot2 sets gfxpayload
# to what the hypervisor's header asks for, so it has to be set behind it.
MENU = """\
set timeout=0
menuentry podium {{
    multiboot2 /boot/podium placeholder {options}
    set gfxpayload=text
    module2 /boot/kernel placeholder {arguments}
{initrd}}}
"""


class Unusable(Exception):
    """The user asked for what cannot be, or something is missing."""


def need_file(path, package):
    if not os.path.exists(path):
        raise Unusable(f"there is no {path}: apt-get install {package}")


def need_programs(*platforms):
    for program, package in PROGRAMS:
        if not shutil.which(program):
            raise Unusable(f"there is no {program}: apt-get install {package}")
    for platform in platforms:
        need_file(os.path.join(MODULES, platform), PACKAGES[platform])


def grub_words(text):
    """GRUB's menu language has its own meaning for these."""
    return re.sub(r'([\\$;&|<>{}"\'])', r"\\\1", text)


def write(target, tree, *platforms):
    """target: a disc with the files below tree, and with GRUB, whose menu is
    the tree's boot/grub/grub.cfg. With no platform GRUB is there for all whose
    packages are installed."""
    chosen = [word for platform in platforms
              for word in ("-d", os.path.join(MODULES, platform))]
    made = subprocess.run(["grub-mkrescue", *chosen, "-o", target, tree],
                          capture_output=True, text=True, check=False)
    if made.returncode:
        raise Unusable(f"grub-mkrescue failed: {made.stderr.strip()}")


def make(directory, platform, hypervisor, options, kernel, arguments,
         initrd=None):
    """directory/disc.iso, to boot these files at once."""
    tree = os.path.join(directory, "disc")
    boot = os.path.join(tree, "boot")
    os.makedirs(os.path.join(boot, "grub"))
    files = {"podium": hypervisor, "kernel": kernel}
    if initrd:
        files["initrd"] = initrd
    for name, path in files.items():
        shutil.copyfile(path, os.path.join(boot, name))
    with open(os.path.join(boot, "grub", "grub.cfg"), "w",
              encoding="utf-8") as menu:
        menu.write(MENU.format(
            options=grub_words(options), arguments=grub_words(arguments),
            initrd="    module2 --nounzip /boot/initrd\n" if initrd else ""))
    try:
        write(os.path.join(directory, "disc.iso"), tree, platform)
    finally:
        shutil.rmtree(tree)


def prepare(directory, platform, options, hypervisor_args):
    """The disc for a run of the launcher, of what qemu.prepare() put there."""
    need_programs(platform)
    initrd = os.path.join(directory, "dom0.cpio")
    make(directory, platform, os.path.join(directory, "hypervisor"),
         hypervisor_args, os.path.join(directory, "vmlinux"),
         options.dom0_args, initrd if os.path.exists(initrd) else None)
