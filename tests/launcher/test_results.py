# SPDX-License-Identifier: MIT
"""The summary of all tests: nothing that went wrong may count as passed."""

import re

import results


def run(tmp_path, capsys, kinds, broken=""):
    for kind, text in kinds.items():
        if text is not None:
            (tmp_path / f"{kind}.txt").write_text(text)
    if broken:
        (tmp_path / "broken").write_text(broken)
    status = results.sum_up(str(tmp_path), *kinds)
    return status, capsys.readouterr().out.splitlines()[-1]


def test_counts(tmp_path, capsys):
    kinds = {"unit": "pass a\npass b\n", "lint": "pass c\nskip d why\n"}
    assert run(tmp_path, capsys, kinds) == (0, "3 passed, 0 failed")


def test_a_failure(tmp_path, capsys):
    kinds = {"unit": "pass a\nfail b\n"}
    assert run(tmp_path, capsys, kinds, "unit\n") == (
        1, "1 passed, 1 failed")


def test_no_results_are_a_failure(tmp_path, capsys):
    assert run(tmp_path, capsys, {"unit": None}) == (1, "0 passed, 1 failed")


def test_a_kind_that_stopped_is_a_failure(tmp_path, capsys):
    assert run(tmp_path, capsys, {"unit": "pass a\n"}, "unit\n") == (
        1, "1 passed, 1 failed")


def test_how_long_a_kind_took(tmp_path, capsys):
    for name, text in {"unit.txt": "pass a\n", "lint.txt": "pass b\n",
                       "seconds": "unit 126\n"}.items():
        (tmp_path / name).write_text(text)
    results.sum_up(str(tmp_path), "unit", "lint")
    said = capsys.readouterr().out
    assert "unit: 1 passed, 0 failed, 0 skipped, 126 s\n" in said
    assert "lint: 1 passed, 0 failed, 0 skipped\n" in said


def table(tmp_path, capsys, kinds):
    """Rows of the table, as {machine and firmware: the rest}."""
    for kind, text in kinds.items():
        (tmp_path / f"{kind}.txt").write_text(text)
    results.sum_up(str(tmp_path), *kinds)
    said = capsys.readouterr().out
    rows = said.partition("== what ran where\n")[2].splitlines()[1:-1]
    parts = [re.split(r"  +", row) for row in rows]
    return {f"{row[0]} {row[1]}": row[2:] for row in parts}


def test_table(tmp_path, capsys):
    rows = table(tmp_path, capsys, {
        "unit": "pass a\n",
        "guests": "pass hello\nfail pod: why\n",
        "vmx": "pass bios.vmx-bochs.microkernels/hello\n"
               "skip bios.vmx-bochs.microkernels/fill too slow\n",
        "system": "pass boots.xl.sh.a\npass boots.uefi.sh.b\n"
                  "fail boots.vmx.sh.c\n"})
    assert len(rows) == 6
    assert rows["SVM, QEMU BIOS"] == ["1 passed, 1 failed", "1 passed"]
    assert rows["SVM, QEMU UEFI"] == ["not run", "1 passed"]
    assert rows["SVM with nRIP, Bochs BIOS"][0].startswith("not run")
    assert "make nrip-linux" in rows["SVM with nRIP, Bochs BIOS"][1]
    assert rows["VMX, Bochs BIOS"] == ["1 passed, 1 skipped", "1 failed"]
    assert all("no UEFI" in text for text in rows["VMX, Bochs UEFI"])


def test_no_table_without_machines(tmp_path, capsys):
    assert not table(tmp_path, capsys, {"unit": "pass a\n"})


def test_junit(tmp_path):
    source, target = tmp_path / "x.xml", tmp_path / "x.txt"
    source.write_text(
        '<testsuites><testsuite><testcase classname="c" name="a"/>'
        '<testcase classname="c" name="b"><failure/></testcase>'
        '<testcase classname="c" name="b"><error/></testcase>'
        '<testcase classname="c" name="d"><skipped message="no"/></testcase>'
        "</testsuite></testsuites>")
    results.from_junit(source, target)
    assert target.read_text().splitlines() == [
        "pass c.a", "fail c.b", "skip c.d no"]
