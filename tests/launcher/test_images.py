# SPDX-License-Identifier: MIT
"""Archives, kernels and programs, as the image builder takes them apart."""

import gzip
import lzma
import os
import struct
import types

import pytest

import bzimage
import cpio
import elf
import fetch

KERNEL = b"\x7fELF" + os.urandom(5000)


def make_bzimage(payload, setup_sects=3, offset=64):
    image = bytearray((setup_sects + 1) * 512 + offset)
    image[0x1F1] = setup_sects
    struct.pack_into("<H", image, 0x1FE, 0xAA55)
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, 0x20F)
    struct.pack_into("<II", image, 0x248, offset, len(payload) + 4)
    return bytes(image) + payload + struct.pack("<I", len(KERNEL))


@pytest.mark.parametrize("compress", [
    gzip.compress, lambda data: lzma.compress(data, lzma.FORMAT_XZ)])
def test_a_kernel_is_unpacked(compress):
    assert bzimage.extract(make_bzimage(compress(KERNEL))) == KERNEL


def test_an_elf_file_is_its_own_kernel():
    assert bzimage.extract(KERNEL) == KERNEL


@pytest.mark.parametrize("image", [
    b"", b"\0" * 5000, make_bzimage(gzip.compress(KERNEL))[:-1],
    make_bzimage(b"unknown"), make_bzimage(gzip.compress(b"no kernel"))])
def test_a_bad_kernel_is_refused(image):
    with pytest.raises(bzimage.BadKernel):
        bzimage.extract(image)


def test_an_archive_lists_what_was_put_in(tmp_path):
    archive = cpio.Archive()
    archive.merged_usr()
    archive.content("/bin/x", b"123", 0o755)
    archive.symlink("/sbin/y", "x")
    path = tmp_path / "a.cpio"
    path.write_bytes(archive.encode())
    assert cpio.list_names(path) == sorted(
        ["usr", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "bin", "sbin",
         "lib", "lib64", "usr/bin/x", "usr/sbin/y"])
    assert len(archive.encode()) % 4 == 0


def test_an_archive_is_the_same_bytes_each_time():
    def build():
        archive = cpio.Archive()
        archive.content("/b", b"2")
        archive.content("/a/c", b"1")
        return archive.encode()
    assert build() == build()


def test_a_directory_is_added_with_all_in_it(tmp_path):
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "f").write_text("text")
    (tmp_path / "d" / "dangling").symlink_to("/nowhere")
    archive = cpio.Archive()
    archive.tree(str(tmp_path), "/top")
    assert {"top", "top/d/e/f", "top/d/dangling"} <= archive.names()


def test_libraries_come_with_a_program():
    found = dict(elf.libraries("/usr/bin/xz"))
    assert "/lib64/ld-linux-x86-64.so.2" in found
    assert any("liblzma" in name for name in found)


def test_a_script_needs_no_libraries(tmp_path):
    script = tmp_path / "s"
    script.write_text("#!/bin/sh\n")
    assert not list(elf.libraries(script))


def test_a_bad_line_in_the_package_list_is_named(tmp_path):
    path = tmp_path / "list"
    path.write_text("# fine\nname version\nalone\n")
    with pytest.raises(fetch.FetchError, match=":3: expected"):
        list(fetch.read_list(path, ""))


SHOWN = {
    "linux-image-amd64=6.1.9-1":
        "Depends: linux-image-6.1.0-9-amd64 (= 6.1.9-1)",
    "linux-headers-cloud-amd64=6.1.9-1":
        "Depends: linux-headers-6.1.0-9-cloud-amd64 (= 6.1.9-1)",
    "linux-headers-6.1.0-9-cloud-amd64=6.1.9-1":
        "Depends: linux-headers-6.1.0-9-common (= 6.1.9-1), "
        "linux-kbuild-6.1 (>= 6.1.9-1), linux-compiler-gcc-12-x86",
    "linux-headers-amd64=6.1.9-1": "Depends: something-else",
}


@pytest.fixture
def known_packages(monkeypatch):
    def run(*command, **_):
        assert command[:2] == ("apt-cache", "show")
        return types.SimpleNamespace(
            stdout=f"Package: x\n{SHOWN[command[2]]}\nSize: 1\n")
    monkeypatch.setattr(fetch, "run", run)


@pytest.mark.parametrize("package, stands_for", [
    ("linux-image-amd64", ["linux-image-6.1.0-9-amd64"]),
    ("linux-headers-cloud-amd64", ["linux-headers-6.1.0-9-cloud-amd64",
                                   "linux-headers-6.1.0-9-common"]),
    ("linux-kbuild-6.1", ["linux-kbuild-6.1"])])
def test_a_metapackage_stands_for_others(known_packages, package, stands_for):
    assert fetch.concrete(package, "6.1.9-1") == [
        (name, "6.1.9-1") for name in stands_for]


def test_a_metapackage_of_nothing_known_is_named(known_packages):
    with pytest.raises(fetch.FetchError, match="linux-headers-amd64"):
        fetch.concrete("linux-headers-amd64", "6.1.9-1")


@pytest.mark.parametrize("name", ["p_1%3a2_amd64.deb", "p_1%3a2_all.deb"])
def test_a_package_is_found_for_this_machine_and_for_all(tmp_path, name):
    assert fetch.find_deb("p", "1:2", tmp_path) is None
    (tmp_path / name).write_bytes(b"")
    assert fetch.find_deb("p", "1:2", tmp_path) == str(tmp_path / name)
