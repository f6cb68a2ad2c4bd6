# SPDX-License-Identifier: MIT
"""The summary of all tests: nothing that went wrong may count as passed."""

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
