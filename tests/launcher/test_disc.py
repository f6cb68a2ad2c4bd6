# SPDX-License-Identifier: MIT
"""Boot discs and the image for a stick, without a machine that boots them."""

import argparse
import os
import re
import subprocess

import pytest

import disc
import image
import qemu
import uefi


def listing(path):
    """The files on it."""
    done = subprocess.run(["xorriso", "-indev", path, "-find", "/", "-type",
                           "f"], check=True, capture_output=True, text=True)
    return set(re.findall(r"'(/[^']*)'", done.stdout))


def boots_by(path):
    done = subprocess.run(["xorriso", "-indev", path, "-report_el_torito",
                           "plain"], check=True, capture_output=True, text=True)
    return set(re.findall(r"boot img : +\d+ +(\w+) +y ", done.stdout))


def small_files(tmp_path):
    files = {}
    for name in image.FILES:
        path = tmp_path / ("source-" + name)
        path.write_bytes(name.encode())
        files[name] = str(path)
    return files


def test_the_image_boots_by_both(tmp_path):
    target = str(tmp_path / "x.img")
    image.build(target, small_files(tmp_path))
    assert boots_by(target) == {"BIOS", "UEFI"}
    assert {"/boot/podium", "/boot/vmlinuz", "/boot/initrd.img",
            "/boot/grub/grub.cfg"} <= listing(target)
    with open(target, "rb") as opened:
        sector = opened.read(512 + 8)
    assert sector[510:512] == b"\x55\xaa"        # for a BIOS, as a disk
    assert sector[512:520] == b"EFI PART"        # for UEFI, as a disk
    assert not os.path.exists(target + ".new")


def test_an_image_without_a_file_is_none(tmp_path):
    files = small_files(tmp_path)
    os.remove(files["vmlinuz"])
    target = str(tmp_path / "x.img")
    with pytest.raises(disc.Unusable, match="source-vmlinuz.*make all"):
        image.build(target, files)
    assert not os.path.exists(target)


def test_grub_understands_the_menu(tmp_path):
    path = tmp_path / "grub.cfg"
    path.write_text(image.menu())
    subprocess.run(["grub-script-check", str(path)], check=True)


def test_the_menu_has_only_options_that_the_hypervisor_knows():
    with open(os.path.join(image.images.TOP, "xen", "boot", "cmdline.c"),
              encoding="utf-8") as source:
        known = set(re.findall(r'^    \{"([\w-]+)", set_', source.read(),
                               re.M))
    used = set()
    for _, more, _ in image.ENTRIES:
        used |= {word.partition("=")[0]
                 for word in f"{image.HYPERVISOR} {more}".split()}
    assert used and used <= known


def test_words_that_grub_would_read_otherwise(tmp_path):
    text = "a;b $c {d} 'e' \"f\" \\g h&i|j<k>l"
    path = tmp_path / "grub.cfg"
    path.write_text(disc.MENU.format(options=disc.grub_words(text),
                                     arguments="", initrd=""))
    subprocess.run(["grub-script-check", str(path)], check=True)
    assert disc.grub_words("a=b,c:1 (x)") == "a=b,c:1 (x)"


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(disc, "MODULES", "/nowhere")
    with pytest.raises(disc.Unusable, match="grub-efi-amd64-bin"):
        disc.need_programs(disc.UEFI)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(disc.Unusable, match="grub-common"):
        disc.need_programs(disc.UEFI)


def test_missing_firmware_is_named(tmp_path):
    with pytest.raises(disc.Unusable, match="ovmf, or --ovmf"):
        uefi.words(str(tmp_path), str(tmp_path))
    (tmp_path / uefi.CODE).write_bytes(b"")
    with pytest.raises(disc.Unusable, match=uefi.VARIABLES):
        uefi.words(str(tmp_path), str(tmp_path))


def options(**changes):
    given = {"uefi": True, "ovmf": uefi.OVMF, "icount": False, "cpus": 1,
             "memory": "2G", "cpu": None, "hypervisor": "out/podium",
             "kernel": None, "hypervisor_args": "a", "dom0_args": "b"}
    return argparse.Namespace(**{**given, **changes})


def test_qemu_boots_by_firmware_or_by_itself(tmp_path):
    words = qemu.command(options(), "tcg", str(tmp_path))
    assert "-kernel" not in words
    assert any("disc.iso" in word for word in words)
    written = tmp_path / "variables.fd"
    assert written.stat().st_mode & 0o200
    words = qemu.command(options(uefi=False), "tcg", str(tmp_path))
    assert words[words.index("-append") + 1] == "a repeat-timer"
    assert not any("pflash" in word for word in words)


def test_the_hypervisor_hears_how_it_is_emulated(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    _, cpus, arguments = qemu.processors(options(cpus=2), "tcg")
    assert (cpus, arguments) == (3, "a spare-boot-cpu repeat-timer")
    assert qemu.processors(options(cpus=2), "kvm") == ("kvm", 2, "a")
