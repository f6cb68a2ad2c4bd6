/* SPDX-License-Identifier: MIT */
/*
 * The host's local APIC, and one use of the I/O APIC: the UART's interrupt.
 *
 * x2APIC mode where there is one: a command is one MSR write without waiting,
 * and ids have 32 bits. Without it, or with x2apic=no, the page of the xAPIC,
 * which reaches ids below 255 only. What the firmware has switched to x2APIC
 * stays so, since the way back leads through a disabled APIC.
 */
#include "arch/x86/asm.h"
#include "arch/x86/machine.h"
#include "base/console.h"
#include "types/bits.h"

enum {
    APIC_ID = 0x20,
    APIC_TPR = 0x80,
    APIC_EOI = 0xB0,
    APIC_SVR = 0xF0,
    APIC_ISR = 0x100,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3E0,
    DELIVER_NMI = 0x400, /* in ICR and LVT */
    ICR_INIT = 0x500,
    ICR_STARTUP = 0x600,
    ICR_BUSY = 0x1000,
    ICR_ASSERT = 0x4000,
    ICR_LEVEL = 0x8000,
    ICR_OTHERS = 0xC0000,
    LVT_MASKED = 0x10000,
    LVT_PERIODIC = 0x20000,
    LVT_TSC_DEADLINE = 0x40000,
};

#define BASE_X2APIC      BIT(10)
#define BASE_ENABLED     BIT(11)
#define FEATURE_X2APIC   21
#define FEATURE_DEADLINE 24
#define XAPIC_BROADCAST  255

static bool has_deadline;
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
    apic_command(id, DELIVER_NMI | ICR_ASSERT);
}

void apic_send_wake(uint32_t id)
{
    apic_command(id, ICR_ASSERT | VECTOR_WAKE);
}

void apic_send_unknown(uint32_t id)
{
    apic_command(id, ICR_ASSERT | VECTOR_UNKNOWN);
}

bool apic_in_service(uint8_t vector)
{
    return apic_read(APIC_ISR + vector / 32 * 16U) & BIT(vector % 32);
}

void apic_send_halt_all(void)
{
    apic_command(0, ICR_OTHERS | ICR_ASSERT | VECTOR_HALT);
}

void apic_timer_arm(uint32_t ticks)
{
    apic_write(APIC_TIMER_INITIAL, ticks);
}

bool apic_has_deadline(void)
{
    return has_deadline;
}

void apic_deadline_arm(uint64_t tsc)
{
    wrmsr(MSR_TSC_DEADLINE, tsc);
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

static bool has_feature(unsigned bit)
{
    uint32_t a, b, c, d;

    cpuid_count(1, 0, &a, &b, &c, &d);
    return c & BIT(bit);
}

void apic_init_boot(bool may_x2apic)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);

    mask_legacy_pic();
    if (!(base & BASE_X2APIC) && !(may_x2apic && has_feature(FEATURE_X2APIC))) {
        apic_page = hostmap_device(PADDR(base & 0xFFFFFF000ULL));
    }
    has_deadline = has_feature(FEATURE_DEADLINE);
    ioapic_page = hostmap_device(acpi_ioapic());
    apic_init_this_cpu();
    log_line(LOG_INFO, "local APIC: %s, timer by %s",
             apic_page ? "xAPIC" : "x2APIC",
             has_deadline ? "TSC deadline" : "its own count");
}

/* From off to x2APIC there is no direct way. */
static void switch_on(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) | BASE_ENABLED;

    wrmsr(MSR_APIC_BASE, base);
    if (!apic_page) {
        wrmsr(MSR_APIC_BASE, base | BASE_X2APIC);
    }
}

bool apic_reaches(uint32_t id)
{
    return !apic_page || id < XAPIC_BROADCAST;
}

static uint32_t timer_mode(void)
{
    return has_deadline ? LVT_TSC_DEADLINE : timer_repeats() ? LVT_PERIODIC : 0;
}

void apic_init_this_cpu(void)
{
    switch_on();
    /* First of all: as long as this does not enable the APIC, the masks of the
     * LVT cannot be taken off (SDM 3, 10.4.7.2), and INIT had disabled it. */
    apic_write(APIC_SVR, 0x100 | VECTOR_SPURIOUS);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    /* NMIs from outside arrive there, and one CPU is enough to hear them. */
    apic_write(APIC_LVT_LINT1, this_cpu()->index ? LVT_MASKED : DELIVER_NMI);
    apic_write(APIC_LVT_ERROR, LVT_MASKED);
    apic_write(APIC_TIMER_DIVIDE, 0xB); /* by 1 */
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | timer_mode());
    /* A write of the deadline's MSR does not wait for one to that page. */
    mem_barrier();
    CHECK(!(apic_read(APIC_LVT_TIMER) & LVT_MASKED));
}

void apic_route_isa(unsigned irq, uint8_t vector)
{
    unsigned entry = 0x10 + irq * 2;

    ioapic_page[0] = entry + 1;
    ioapic_page[4] = apic_id() << 24;
    ioapic_page[0] = entry;
    ioapic_page[4] = vector; /* fixed, physical, edge, high, not masked */
}
