/* SPDX-License-Identifier: MIT */
/* The machine's end. */
#include "arch/x86/asm.h"
#include "arch/x86/machine.h"

#define DEBUG_EXIT_PORT 0xF4   /* QEMU's isa-debug-exit, where there is one */
#define BOCHS_EXIT_PORT 0x8900 /* Bochs ends when it is told so, in letters */

static void halt_for_ever(void) __attribute__((noreturn));

static void halt_for_ever(void)
{
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

static void leave_bochs(void)
{
    for (const char *c = "Shutdown"; *c; c++) {
        outb(BOCHS_EXIT_PORT, (uint8_t)*c);
    }
}

void arch_poweroff(void)
{
    uint16_t port, value;

    outb(DEBUG_EXIT_PORT, 0);
    leave_bochs();
    if (acpi_power_switch(&port, &value)) {
        outw(port, value);
    }
    halt_for_ever();
}

void arch_reboot(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) nothing = {0, 0};

    outb(0xCF9, 0x06);
    outb(0x64, 0xFE);
    timer_delay_us(100000);
    __asm__ volatile("lidt %0; int3" : : "m"(nothing));
    halt_for_ever();
}

void arch_halt_all(void)
{
    apic_send_halt_all();
    outb(DEBUG_EXIT_PORT, 0x7F); /* a panic: QEMU's status 255 */
    leave_bochs();
    halt_for_ever();
}
