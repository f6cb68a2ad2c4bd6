# SPDX-License-Identifier: MIT
"""How QEMU emulates processors (TCG), for all who start it.

With a thread for each processor, QEMU's first processor is not to be trusted:
docs/design/qemu.md has the reason. So the machine gets one more than was asked
for, and the hypervisor is told to leave that first one out.

More threads than this machine has processors would wait for one another most
of the time: then one thread runs them in turns.

Where timers are another thread's than the processors', which is wherever time
is not counted in instructions, an interrupt may get lost, so the hypervisor's
timer repeats itself.
"""

import os


def processors(cpus, icount, is_podium=True):
    """(value of -accel, value of -smp, options of the hypervisor)

    is_podium: the hypervisor knows these options.
    """
    if icount:
        return "tcg,thread=single", cpus, []
    more = ["repeat-timer"] if is_podium else []
    if cpus > len(os.sched_getaffinity(0)):
        return "tcg,thread=single", cpus, more
    if cpus == 1 or not is_podium:
        return "tcg,thread=multi", cpus, more
    return "tcg,thread=multi", cpus + 1, ["spare-boot-cpu", *more]
