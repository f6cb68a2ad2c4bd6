# SPDX-License-Identifier: MIT
"""When KVM may be used, on trees that look like a machine's /proc, /sys and
/dev; and what the launcher makes of the answer."""

import pytest

import kvm
import qemu


def make_root(path, flags="fpu svm npt", module="kvm_amd", nested="1\n",
              device=True):
    (path / "proc").mkdir()
    (path / "proc" / "cpuinfo").write_text(
        f"processor\t: 0\nvendor_id\t: X\nflags\t\t: {flags}\nbugs\t\t:\n\n"
        f"processor\t: 1\nflags\t\t: {flags}\n")
    parameters = path / "sys" / "module" / module / "parameters"
    parameters.mkdir(parents=True)
    if nested is not None:
        (parameters / "nested").write_text(nested)
    (path / "dev").mkdir()
    if device:
        (path / "dev" / "kvm").write_bytes(b"")
    return str(path)


@pytest.mark.parametrize("flags, module, nested", [
    ("fpu svm npt", "kvm_amd", "1\n"), ("svm", "kvm_amd", "Y\n"),
    ("fpu vmx ept", "kvm_intel", "Y\n"), ("vmx", "kvm_intel", "1\n")])
def test_it_may(tmp_path, flags, module, nested):
    assert kvm.obstacle(make_root(tmp_path, flags, module, nested)) is None


@pytest.mark.parametrize("change, why", [
    ({"flags": "fpu npt svm_lock vmx_x"}, "neither vmx nor svm"),
    ({"flags": ""}, "neither vmx nor svm"),
    ({"flags": "vmx"}, "kvm_intel is not loaded"),
    ({"module": "kvm_intel"}, "kvm_amd is not loaded"),
    ({"nested": None}, "kvm_amd is not loaded"),
    ({"nested": "0\n"}, "kvm_amd does not nest"),
    ({"nested": "N\n"}, "kvm_amd nested=1"),
    ({"nested": ""}, "does not nest"),
    ({"device": False}, "there is no /dev/kvm")])
def test_it_may_not_and_why(tmp_path, change, why):
    assert why in kvm.obstacle(make_root(tmp_path, **change))


def test_a_processor_that_lists_no_flags(tmp_path):
    """As other architectures' do not."""
    root = make_root(tmp_path)
    (tmp_path / "proc" / "cpuinfo").write_text("Features : fp asimd\n")
    assert "neither" in kvm.obstacle(root)


def test_a_device_that_does_not_open(tmp_path):
    root = make_root(tmp_path, device=False)
    (tmp_path / "dev" / "kvm").mkdir()
    assert kvm.obstacle(root).startswith("/dev/kvm cannot be opened")


def test_a_device_that_is_not_for_this_user(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError
    monkeypatch.setattr(kvm.os, "open", refuse)
    assert "may not open" in kvm.obstacle(make_root(tmp_path))


@pytest.mark.parametrize("wanted, icount, obstacle, answer", [
    ("auto", False, None, ("kvm", None)),
    ("auto", False, "why", ("tcg", "why")),
    ("kvm", False, None, ("kvm", None)),
    ("tcg", False, None, ("tcg", None)),
    ("tcg", True, "why", ("tcg", None))])
def test_the_choice(wanted, icount, obstacle, answer):
    assert qemu.choose_accel(wanted, icount, lambda: obstacle) == answer


def test_counted_time_is_emulated():
    accel, why = qemu.choose_accel("auto", True, lambda: None)
    assert accel == "tcg" and "--icount" in why


@pytest.mark.parametrize("icount, obstacle, why", [
    (False, "it is broken", "--accel kvm: it is broken"),
    (True, None, "--accel kvm: .*--icount")])
def test_kvm_by_name_is_kvm_or_nothing(icount, obstacle, why):
    with pytest.raises(qemu.Unusable, match=why):
        qemu.choose_accel("kvm", icount, lambda: obstacle)
