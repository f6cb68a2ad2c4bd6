/* SPDX-License-Identifier: MIT */
/* The host's local APIC (xAPIC page or x2APIC MSRs, as the firmware left it)
 * and one use of the I/O APIC: the UART's interrupt. */
#include "arch/x86/asm.h"
#include "arch/x86/machine.h"
#include "types/bits.h"

enum {
    APIC_ID = 0x20,
    APIC_TPR = 0x80,
    APIC_EOI = 0xB0,
    APIC_SVR = 0xF0,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3E0,
    ICR_NMI = 0x400,
    ICR_INIT = 0x500,
    ICR_STARTUP = 0x600,
    ICR_BUSY = 0x1000,
    ICR_ASSERT = 0x4000,
    ICR_LEVEL = 0x8000,
    ICR_OTHERS = 0xC0000,
    LVT_MASKED = 0x10000,
};

static volatile uint32_t *apic_page; /* NULL: x2APIC mode */
static volatile uint32_t *ioapic_page;

static uint32_t apic_read(unsigned reg)
{
    return apic_page ? apic_page[reg / 4] : (uint32_t)rdmsr(0x800 + reg / 16);
}

static void apic_write(unsigned reg, uint32_t v)
{
    if (apic_page) {
        apic_page[reg / 4] = v;
    } else {
        wrmsr(0x800 + reg / 16, v);
    }
}

uint32_t apic_id(void)
{
    return apic_page ? apic_read(APIC_ID) >> 24 : apic_read(APIC_ID);
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

static void apic_command(uint32_t id, uint32_t command)
{
    if (!apic_page) {
        mem_barrier(); /* x2APIC MSR writes do not serialise stores */
        wrmsr(0x800 + APIC_ICR / 16, (uint64_t)id << 32 | command);
        return;
    }
    while (apic_read(APIC_ICR) & ICR_BUSY) {
        arch_cpu_relax();
    }
    apic_write(APIC_ICR_HIGH, id << 24);
    apic_write(APIC_ICR, command);
}

void apic_send_init(uint32_t id)
{
    apic_command(id, ICR_INIT | ICR_ASSERT | ICR_LEVEL);
    timer_delay_us(200);
    apic_command(id, ICR_INIT | ICR_LEVEL);
}

void apic_send_startup(uint32_t id, uint8_t page)
{
    apic_command(id, ICR_STARTUP | ICR_ASSERT | page);
}

void apic_send_nmi(uint32_t id)
{
    apic_command(id, ICR_NMI | ICR_ASSERT);
}

void apic_send_wake(uint32_t id)
{
    apic_command(id, ICR_ASSERT | VECTOR_WAKE);
}

void apic_send_halt_all(void)
{
    apic_command(0, ICR_OTHERS | ICR_ASSERT | VECTOR_HALT);
}

void apic_timer_arm(uint32_t ticks)
{
    apic_write(APIC_TIMER_INITIAL, ticks);
}

uint32_t apic_timer_count(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}

static void mask_legacy_pic(void)
{
    outb(0x20, 0x11); /* remap away from exceptions, then mask all */
    outb(0xA0, 0x11);
    outb(0x21, 0xE0);
    outb(0xA1, 0xE8);
    outb(0x21, 4);
    outb(0xA1, 2);
    outb(0x21, 1);
    outb(0xA1, 1);
    outb(0x21, 0xFF);
    outb(0xA1, 0xFF);
}

void apic_init_boot(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);

    mask_legacy_pic();
    if (!(base & BIT(10))) {
        apic_page = hostmap_device(PADDR(base & 0xFFFFFF000ULL));
    }
    ioapic_page = hostmap_device(acpi_ioapic());
    apic_init_this_cpu();
}

void apic_init_this_cpu(void)
{
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BIT(11));
    apic_write(APIC_TPR, 0);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    apic_write(APIC_LVT_LINT1, LVT_MASKED);
    apic_write(APIC_LVT_ERROR, LVT_MASKED);
    apic_write(APIC_TIMER_DIVIDE, 0xB); /* by 1 */
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    apic_write(APIC_SVR, 0x100 | VECTOR_SPURIOUS);
}

void apic_route_isa(unsigned irq, uint8_t vector)
{
    unsigned entry = 0x10 + irq * 2;

    ioapic_page[0] = entry + 1;
    ioapic_page[4] = apic_id() << 24;
    ioapic_page[0] = entry;
    ioapic_page[4] = vector; /* fixed, physical, edge, high, not masked */
}
