# SPDX-License-Identifier: MIT
"""How QEMU emulates processors (TCG), for all who start it.

With a thread for each processor, QEMU's first processor is not to be trusted:
docs/design/qemu.md has the reason. So the machine gets one more than was asked
for, and the hypervisor is told to leave that first one out.

More threads than this machine has processors would wait for one another most
of the time: then one thread runs them in turns.
"""

import os


def processors(cpus, icount, may_spare=True):
    """(value of -accel, value of -smp, options of the hypervisor)

    may_spare: the hypervisor knows the option.
    """
    if icount or cpus > len(os.sched_getaffinity(0)):
        return "tcg,thread=single", cpus, []
    if cpus == 1 or not may_spare:
        return "tcg,thread=multi", cpus, []
    return "tcg,thread=multi", cpus + 1, ["spare-boot-cpu"]
