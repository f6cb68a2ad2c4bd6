# SPDX-License-Identifier: MIT
# boot: --icount
#
# The same, when the emulator counts time in instructions.

check_ballooned() {
    must create one maxmem=512 memory=128 vcpus=2
    wait_ready one
    wait_target one
    must xl mem-set one 160
    wait_for "it to take 160 MiB" gives_at_least one 163840
    must xl shutdown -w one
}
