# SPDX-License-Identifier: MIT
"""QEMU with UEFI in place of a BIOS: OVMF, which starts GRUB from a disc."""

import os
import shutil

import disc

OVMF = "/usr/share/OVMF"
CODE = "OVMF_CODE_4M.fd"
VARIABLES = "OVMF_VARS_4M.fd"


def find_firmware(folder):
    """Its code, which is not written to. Whoever starts it has the variables
    in a copy of their own."""
    for name in (CODE, VARIABLES):
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            raise disc.Unusable(
                f"there is no UEFI firmware {path}: apt-get install ovmf, or "
                f"--ovmf FOLDER where it is elsewhere")
    return os.path.join(folder, CODE)


def firmware_words(directory, folder=OVMF):
    """QEMU's words for a machine of which directory has the variables."""
    code = find_firmware(folder)
    variables = os.path.join(directory, "variables.fd")
    shutil.copyfile(os.path.join(folder, VARIABLES), variables)
    os.chmod(variables, 0o600)
    return ["-machine", "q35",
            "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
            "-drive", f"if=pflash,format=raw,unit=1,file={variables}"]


def words(directory, folder=OVMF):
    """QEMU's words to boot directory/disc.iso, as a disk that is quick."""
    path = os.path.join(directory, "disc.iso")
    return [*firmware_words(directory, folder),
            "-drive", f"if=none,id=disk,format=raw,readonly=on,file={path}",
            "-device", "virtio-blk-pci,drive=disk,bootindex=0"]
