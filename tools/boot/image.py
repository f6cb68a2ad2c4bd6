#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes out/podium.img, to be put on a stick, a disk or a CD.

It boots by BIOS and by UEFI: GRUB, with a menu, loads the hypervisor, dom0's
kernel as Debian ships it and the same initramfs as tools/podium run gives it.
Everything of it is in memory then, and the medium is not needed any more.
"""

import os
import shutil
import sys
import tempfile

import disc
import images

OUT = os.path.join(images.TOP, "out")
TARGET = os.path.join(OUT, "podium.img")
FILES = {"podium": os.path.join(OUT, "podium"),
         "vmlinuz": os.path.join(images.BOOT, "vmlinuz-generic"),
         "initrd.img": os.path.join(images.BOOT, "dom0.cpio")}

HYPERVISOR = "dom0_mem=512M console=com1,vga com1=115200,8n1"
DOM0 = "console=hvc0 panic=-1"

# Title, more options of the hypervisor, more of dom0's kernel. Later ones win.
ENTRIES = [
    ("Podium", "", "quiet"),
    ("Podium, saying all that it does", "loglvl=all guest_loglvl=all",
     "loglevel=8"),
    ("Podium, on the second serial port", "console=com2,vga com2=115200,8n1",
     "quiet"),
    ("Podium, rescue: one processor, nothing in the background, halts "
     "instead of booting again", "maxcpus=1 background=no noreboot loglvl=all",
     "loglevel=8 nosmp"),
]

# GRUB talks on the screen, if there is one, and on the first serial port. A
# BIOS's screen stays in text mode; UEFI's is for points only.
HEAD = """\
if [ "$grub_platform" = efi ]; then
    insmod all_video
    screen=auto
else
    screen=text
fi
if serial --unit=0 --speed=115200; then
    terminal_input console serial
    terminal_output console serial
fi
set default=0
set timeout=3
"""

ENTRY = """
menuentry '{title}' {{
    multiboot2 /boot/podium placeholder {hypervisor}
    set gfxpayload=$screen
    module2 /boot/vmlinuz placeholder {dom0}
    module2 --nounzip /boot/initrd.img
}}
"""

TAIL = """
if [ "$grub_platform" = efi ]; then
    menuentry 'The firmware'"'"'s settings' {
        fwsetup
    }
fi

menuentry 'Switch off' {
    halt
}
"""


def menu():
    entries = [ENTRY.format(title=title,
                            hypervisor=f"{HYPERVISOR} {more}".strip(),
                            dom0=f"{DOM0} {dom0}".strip())
               for title, more, dom0 in ENTRIES]
    return HEAD + "".join(entries) + TAIL


def build(target=TARGET, files=None):
    """Appears as a whole, or not at all."""
    files = files or FILES
    disc.need_programs(disc.BIOS, disc.UEFI)
    for path in files.values():
        if not os.path.exists(path):
            raise disc.Unusable(f"there is no {path}; 'make all' builds it")
    with tempfile.TemporaryDirectory(prefix="podium-") as tree:
        boot = os.path.join(tree, "boot")
        os.makedirs(os.path.join(boot, "grub"))
        for name, path in files.items():
            shutil.copyfile(path, os.path.join(boot, name))
        with open(os.path.join(boot, "grub", "grub.cfg"), "w",
                  encoding="utf-8") as out:
            out.write(menu())
        disc.write(target + ".new", tree)
    os.replace(target + ".new", target)


if __name__ == "__main__":
    try:
        build()
    except disc.Unusable as error:
        sys.exit(f"image: {error}")
    print(f"{os.path.relpath(TARGET, images.TOP)}: "
          f"{os.path.getsize(TARGET) >> 20} MiB")
