# SPDX-License-Identifier: MIT
"""The machine around the guests: how it is loaded, and how it ends."""

import gzip
import os
import re
import shutil
import subprocess

import machine

SAY = "#!/bin/sh\necho dom0 lives\n"


def test_script_status_and_unknown_options():
    output, status, _, log = machine.run(
        "status", SAY + "xl info | grep ^xen_commandline\nexit 42\n",
        ["--append", "nonsense=1 loglvl=all maxcpus=none"])
    assert "dom0 lives\n" in output
    assert status == 42
    for option in ("nonsense=1", "maxcpus=none"):
        assert re.search(rf'\(podium\) .*"{option}" is unknown', log)
    assert '"loglvl=all" is unknown' not in log


WITHOUT_XENSTORED = """\
#!/bin/sh
must() { timeout 30 "$@" || { echo "'$*' ended with $?"; exit 1; }; }
xl create -q name=guest kernel=/boot/vmlinuz-cloud memory=128 \
    ramdisk=/boot/guest.cpio.gz on_crash=preserve
kill -9 $(cat /run/xenstored.pid)
for command in list "list -l" uptime; do
    echo "--- $command"
    must xl $command
done
echo "--- refused"
for command in "mem-set 1 100" "shutdown -w 1" "rename 1 other" "domid guest" \
    "create -q name=second kernel=/boot/vmlinuz-cloud memory=128"; do
    timeout 30 xl $command && exit 1
    [ $? = 1 ] || exit 1
done
echo "--- given up"
xl info | grep free_memory
sleep 3
watcher=$(ps | awk '/ [x]l create/ { print $1 }')
set -- $(cat /proc/$watcher/stat)
echo "ticks: $((${14} + ${15}))"
must xl destroy 1
must xl list
xl info | grep free_memory
"""


def test_without_xenstored_nothing_waits_for_it():
    """As on Xen, who kills it must boot again to have all that there was; what
    needs no xenstored works, and the rest says why it does not."""
    output, status, _, _ = machine.run("xenstored-gone", WITHOUT_XENSTORED)
    print(output)
    assert status == 0
    for command in ("list", "uptime"):
        said = output.split(f"--- {command}\n")[1].split("\n--- ")[0]
        assert "xl: warning: names are not known: cannot reach xenstored" in said
        assert "(null)" in said
    said = output.split("--- refused\n")[1].split("\n--- ")[0]
    assert len(re.findall(r"^xl: cannot .*: cannot reach xenstored: ", said,
                          re.M)) == 5
    # Its watcher does not spin meanwhile: a second has 100 ticks.
    assert int(re.search(r"^ticks: (\d+)", output, re.M).group(1)) < 100
    free = [int(n) for n in re.findall(r"^free_memory *: (\d+)", output, re.M)]
    assert free[1] >= free[0] + 128


def test_poweroff_in_dom0_ends_the_machine():
    output, status, messages, log = machine.run(
        "poweroff", SAY + "poweroff -f\nsleep 1000\n")
    assert "dom0 lives\n" in output
    assert status == 125
    assert "the machine ended before" in messages
    assert "d0: shut down, code 0" in log
    assert "Panic" not in log


def test_reboot_in_dom0_ends_the_machine():
    _, status, messages, log = machine.run(
        "reboot", SAY + "reboot -f\nsleep 1000\n")
    assert status == 125
    assert "the machine ended before" in messages
    assert "Panic" not in log


def test_without_a_module_it_says_so():
    said = machine.qemu("no-module", "-kernel", machine.HYPERVISOR, "-append",
                        "console=com1", until=rb"Panic on CPU.*\n(.*\n){5}")
    assert "no module: the first one has to be domain 0's kernel" in said


# The form that a Debian host's entries for Xen have (grub.d/20_linux_xen): the
# first word of each command line, the options about the BIOS, --nounzip.
GRUB = """\
serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
menuentry Podium {
    multiboot2 /boot/podium.gz placeholder dom0_mem=512M,max:512M \\
        console=com1,vga com1=115200,8n1 no-real-mode edd=off
    module2 /boot/vmlinuz placeholder root=/dev/none ro console=hvc0 \\
        panic=-1 mitigations=off
    module2 --nounzip /boot/initrd.img
}
"""


def test_grub_starts_it_as_debians_entries_start_xen(tmp_path):
    """With Debian's kernel as it is, to dom0's shell, which its init starts
    when there is no script."""
    boot = tmp_path / "iso" / "boot"
    (boot / "grub").mkdir(parents=True)
    (boot / "grub" / "grub.cfg").write_text(GRUB)
    with open(machine.HYPERVISOR, "rb") as plain:
        (boot / "podium.gz").write_bytes(gzip.compress(plain.read()))
    for name, source in (("vmlinuz", "vmlinuz-generic"),
                         ("initrd.img", "dom0.cpio")):
        shutil.copy(os.path.join(machine.TOP, "out", "boot", source),
                    boot / name)
    iso = tmp_path / "podium.iso"
    subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "-o",
                    iso, tmp_path / "iso"], check=True, capture_output=True)
    said = machine.qemu("grub", "-cdrom", str(iso),
                        until=rb"dom0's shell: leave|Panic")
    assert "kernel unpacked (xz)" in said
    assert "command line: dom0_mem=512M,max:512M console=com1" in said
    assert "dom0's shell: leave" in said
    assert "is unknown" not in said
    assert "Panic" not in said
