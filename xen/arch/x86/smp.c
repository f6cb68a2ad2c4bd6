/* SPDX-License-Identifier: MIT */
/*
 * All CPUs up: one after the other through the trampoline page, each with a
 * stack of its own; then they wait for smp_release().
 *
 * The processor that the machine began with can be left out of it all
 * (smp_move_boot()): the next one becomes CPU 0 then, and goes on with the
 * boot. docs/design/qemu.md says which emulator wants that.
 */
#include "arch/hostmap.h"
#include "arch/x86/asm.h"
#include "arch/x86/layout.h"
#include "arch/x86/machine.h"
#include "base/console.h"
#include "lib/string.h"
#include "mm/boot_alloc.h"
#include "types/bits.h"

extern const char trampoline_start[], trampoline_end[];
noreturn_fn void smp_ap_main(void);

#define NO_APIC_ID 0xFFFFFFFFU

/* In .bss, so that a backtrace can tell a stack from anything else; a page
 * between two that is never touched would cost more than it shows. */
static uint8_t stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(4096)));
uint64_t smp_ap_stack;
static uint32_t starting;
static unsigned cpu_count = 1;
static void (*go)(void);
static uint32_t spare_id = NO_APIC_ID; /* of the CPU that was left out */
static paddr_t trampoline;             /* the page where CPUs begin; or 0 */

unsigned arch_cpu_count(void)
{
    return cpu_count;
}

void smp_ap_main(void)
{
    struct cpu *c = &cpus[starting];

    hostmap_load();
    cpu_init(starting);
    apic_init_this_cpu();
    virt_init_this_cpu();
    __atomic_store_n(&c->online, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE)) {
        arch_cpu_relax();
    }
    go();
    __builtin_unreachable();
}

static bool start_one(unsigned index, uint32_t id)
{
    struct cpu *c = &cpus[index];

    memcpy(arch_map(mfn_from_paddr(trampoline)), trampoline_start,
           (size_t)(trampoline_end - trampoline_start));
    starting = index;
    c->apic_id = id;
    c->online = 0;
    smp_ap_stack = (uint64_t)stacks[index] + STACK_SIZE;
    mem_barrier();
    apic_send_init(id);
    timer_delay_us(10000);
    apic_send_startup(id, (uint8_t)(trampoline.v >> PAGE_SHIFT));
    for (unsigned i = 0; i < 2000; i++) {
        if (READ_ONCE(c->online)) {
            return true;
        }
        if (i == 10) {
            apic_send_startup(id, (uint8_t)(trampoline.v >> PAGE_SHIFT));
        }
        timer_delay_us(1000);
    }
    return false;
}

/* Does this entry of the firmware's list need to be started? */
static bool is_startable(unsigned n)
{
    uint32_t id = acpi_cpu_apic_id(n);

    return trampoline.v && id != cpus[0].apic_id && id != spare_id;
}

void smp_set_trampoline(paddr_t page)
{
    trampoline = page;
    if (!page.v) {
        log_line(LOG_WARNING, "no memory is free below 640 KiB, where other "
                              "CPUs would start: one CPU only");
    }
}

unsigned smp_start(unsigned limit)
{
    go = NULL;
    cpus[0].apic_id = apic_id();
    cpus[0].online = 1;
    for (unsigned n = 0; n < acpi_cpu_count() && cpu_count < limit; n++) {
        uint32_t id = acpi_cpu_apic_id(n);

        if (!is_startable(n)) {
            continue;
        }
        if (start_one(cpu_count, id)) {
            cpu_count++;
        } else {
            log_line(LOG_WARNING, "CPU with APIC id %u did not start", id);
        }
    }
    return cpu_count;
}

/* Both use cpus[0] from when the other one starts; we only wait, and then do
 * nothing any more. */
void smp_move_boot(void (*rest)(void))
{
    cpus[0].apic_id = spare_id = apic_id();
    for (unsigned n = 0; n < acpi_cpu_count(); n++) {
        if (!is_startable(n)) {
            continue;
        }
        go = rest;
        if (start_one(0, acpi_cpu_apic_id(n))) {
            for (;;) {
                __asm__ volatile("cli; hlt");
            }
        }
        break;
    }
    log_line(LOG_WARNING, "no other CPU took over the boot");
    spare_id = NO_APIC_ID;
    rest();
    __builtin_unreachable();
}

void smp_release(void (*fn)(void))
{
    __atomic_store_n(&go, fn, __ATOMIC_RELEASE);
}
