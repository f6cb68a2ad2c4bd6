/* SPDX-License-Identifier: MIT */
/*
 * The machine's end. Emulators have ports to say that to them; on a real
 * machine those may be anything's, and are left alone.
 */
#include "arch/x86/asm.h"
#include "arch/x86/machine.h"
#include "types/bits.h"

#define DEBUG_EXIT_PORT 0xF4   /* QEMU's isa-debug-exit */
#define BOCHS_EXIT_PORT 0x8900 /* Bochs ends when it is told so, in letters */

static void halt_for_ever(void) __attribute__((noreturn));

static void halt_for_ever(void)
{
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

static bool under_hypervisor(void)
{
    uint32_t a, b, c, d;

    cpuid_count(1, 0, &a, &b, &c, &d);
    return c & BIT(31);
}

/* QEMU ends with this byte, Bochs with a word. */
static void leave_emulator(uint8_t status)
{
    if (!acpi_is_emulators() && !under_hypervisor()) {
        return;
    }
    outb(DEBUG_EXIT_PORT, status);
    for (const char *c = "Shutdown"; *c; c++) {
        outb(BOCHS_EXIT_PORT, (uint8_t)*c);
    }
}

void arch_poweroff(void)
{
    uint16_t port, value;

    leave_emulator(0);
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
    leave_emulator(0x7F); /* a panic: QEMU's status 255 */
    halt_for_ever();
}
