# SPDX-License-Identifier: MIT
"""The image for a stick (make image): as a stick, by BIOS and by UEFI."""

import pytest

import image
import machine
import screen
import uefi

STICK = ["-device", "qemu-xhci", "-device",
         "usb-storage,drive=stick,bootindex=0",
         "-drive", "if=none,id=stick,format=raw,readonly=on,file="]


@pytest.fixture(scope="module", name="stick")
def fixture_stick(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("image") / "podium.img")
    image.build(path)
    return [*STICK[:-1], STICK[-1] + path]


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_the_first_entry_boots(firmware, stick, tmp_path):
    """Debian's kernel as it is, to dom0's shell; after a BIOS on the screen as
    well. After UEFI the screen stays black here (docs/hacking.md)."""
    rows, words = [], []
    shown = screen.Screen(str(tmp_path))
    if firmware == "uefi":
        words = uefi.firmware_words(str(tmp_path))

    def look():
        if firmware == "bios":
            rows.extend(shown.wait_for("dom0's shell: leave"))

    said = machine.qemu(
        f"image-{firmware}", *words, *shown.words, *stick,
        until=rb"dom0's shell: leave|Panic",
        at_end=look)
    assert "Podium, rescue" in said  # GRUB's menu is on the serial port
    assert "kernel unpacked (xz)" in said
    assert f"command line: {image.HYPERVISOR}" in said
    assert "Podium: 2 CPUs" in said
    assert "dom0's shell: leave" in said
    if firmware == "bios":
        assert any(row.startswith("dom0's shell: leave it with 'exit'")
                   for row in rows), rows
    assert "is unknown" not in said
    assert "Panic" not in said
