# SPDX-License-Identifier: MIT
"""How Bochs is started, for all who do: the one emulator that has Intel's VMX.

Bochs boots from a disc (disc.py). It ends when the hypervisor tells it so
(xen/arch/x86/power.c). Its exit status says nothing.
"""

import os
import re
import shutil

import disc
from disc import Unusable

# Intel: corei7_skylake_x, corei7_haswell_4770; AMD: ryzen.
DEFAULT_MODEL = "corei7_skylake_x"
# What it can give a guest machine out of its own address space.
HOST_MEMORY_LIMIT = 2048
# Ticks of its clock in a second; an instruction takes one. Debian's Bochs has
# its debugger built in: with several processors that all wait, it looks at each
# and goes on by one tick, so a second of waiting is as many looks.
IPS = 100_000_000
IPS_SEVERAL = 20_000_000
LOG = "bochs.log"

CONFIG = """\
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, \
serial=1, iodebug=1
config_interface: textconfig
display_library: rfb, options="timeout=0"
memory: guest={memory}, host={host_memory}
romimage: file="/usr/share/bochs/BIOS-bochs-latest"
vgaromimage: file="/usr/share/vgabios/vgabios.bin"
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=0, \
ignore_bad_msrs=1
ata0-master: type=cdrom, path="disc.iso", status=inserted
boot: cdrom
clock: sync=none, time0=local
com1: enabled=1, {serial}
panic: action=fatal
log: {log}
"""


def has_vmx(cpu):
    """Whether this model is one of Intel's."""
    return cpu.startswith("core")


def need_programs():
    if not shutil.which("bochs"):
        raise Unusable("there is no bochs: apt-get install bochs")
    disc.need_file("/usr/share/bochs/BIOS-bochs-latest", "bochsbios")
    disc.need_file("/usr/share/vgabios/vgabios.bin", "vgabios")
    disc.need_programs(disc.BIOS)


def mebibytes(size):
    """QEMU's way to write a size (2G, 512M, 512) in MiB."""
    match = re.fullmatch(r"(\d+)([MG]?)", size.upper())
    if not match:
        raise Unusable(f"a memory of {size}: expected 512M or 2G")
    return int(match[1]) * (1024 if match[2] == "G" else 1)


def model(options):
    return options.cpu or DEFAULT_MODEL


def command(directory, cpu, cpus, memory, serial):
    """The command line, to be run in the prepared directory. cpu: a model of
    Bochs; memory in MiB; serial: where the serial port goes, as Bochs's configuration has it."""
    with open(os.path.join(directory, "bochsrc"), "w",
              encoding="utf-8") as config:
        config.write(CONFIG.format(
            memory=memory, host_memory=min(memory, HOST_MEMORY_LIMIT),
            model=cpu, cpus=cpus, ips=IPS if cpus == 1 else IPS_SEVERAL,
            serial=serial, log=LOG))
    # The debugger is built in, and waits for a word before it starts.
    with open(os.path.join(directory, "start"), "w",
              encoding="utf-8") as start:
        start.write("c\n")
    return ["bochs", "-q", "-f", "bochsrc", "-rc", "start"]


def complaints(directory):
    """What Bochs has to say of its end, but that we asked for it."""
    try:
        with open(os.path.join(directory, LOG), encoding="utf-8",
                  errors="replace") as log:
            lines = [line.strip() for line in log if ">>PANIC<<" in line]
    except FileNotFoundError:
        return []
    return [line for line in lines if "shutdown requested" not in line]
