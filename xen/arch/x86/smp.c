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
#include "arch/x86/mce.h"
#include "base/console.h"
#include "lib/string.h"
#include "mm/boot_alloc.h"
#include "types/bits.h"

extern const char trampoline_start[], trampoline_end[];
noreturn_fn void smp_ap_main(void);

#define NO_APIC_ID        0xFFFFFFFFU
#define AGAIN_MS          10 /* a second SIPI, if the first was not heard */
#define START_PATIENCE_MS 2000U

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

/*
 * The first steps of a CPU are its own until one of two things happens, and
 * only one of them can: it says that it is there, or the starter gives it up.
 */
enum start_state {
    NOT_STARTED,
    STARTED,
    GIVEN_UP,
};

static bool change_state(struct cpu *c, uint32_t to)
{
    uint32_t from = NOT_STARTED;

    return __atomic_compare_exchange_n(&c->online, &from, to, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void smp_ap_main(void)
{
    struct cpu *c = &cpus[starting];

    hostmap_load();
    cpu_init(starting);
    apic_init_this_cpu();
    virt_init_this_cpu();
    mce_init_this_cpu();
    memory_types_init_this_cpu();
    c->start_tsc = rdtsc();
    while (!change_state(c, STARTED)) {
        __asm__ volatile("cli; hlt"); /* too late: another one has its place */
    }
    while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE)) {
        arch_cpu_relax();
    }
    go();
    __builtin_unreachable();
}

/*
 * False: it did not come within START_PATIENCE_MS. What stands at `index` is
 * the next one's then. INIT has stopped it wherever it was in its first steps;
 * if INIT did not reach it (VMX holds it back) it finds itself given up.
 */
static bool start_one(unsigned index, uint32_t id)
{
    struct cpu *c = &cpus[index];

    memcpy(arch_map(mfn_from_paddr(trampoline)), trampoline_start,
           (size_t)(trampoline_end - trampoline_start));
    starting = index;
    c->apic_id = id;
    c->online = NOT_STARTED;
    smp_ap_stack = (uint64_t)stacks[index] + STACK_SIZE;
    mem_barrier();
    apic_send_init(id);
    timer_delay_us(10000);
    apic_send_startup(id, (uint8_t)(trampoline.v >> PAGE_SHIFT));
    for (unsigned i = 0; i < START_PATIENCE_MS; i++) {
        if (READ_ONCE(c->online)) {
            return true;
        }
        if (i == AGAIN_MS) {
            apic_send_startup(id, (uint8_t)(trampoline.v >> PAGE_SHIFT));
        }
        timer_delay_us(1000);
    }
    if (!change_state(c, GIVEN_UP)) {
        return true; /* at the last moment */
    }
    apic_send_init(id);
    return false;
}

/* Its TSC, when it came, lies between ours before and after. */
static void compare_tsc(unsigned index, uint64_t before)
{
    uint64_t seen = cpus[index].start_tsc;

    if (seen >= before && seen <= rdtsc()) {
        return;
    }
    log_line(LOG_WARNING,
             "CPU %u's TSC differs from that of CPU 0: guests are told not to "
             "trust it",
             index);
    timer_distrust_tsc();
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
    cpus[0].online = STARTED;
    for (unsigned n = 0; n < acpi_cpu_count() && cpu_count < limit; n++) {
        uint32_t id = acpi_cpu_apic_id(n);
        uint64_t before;

        if (!is_startable(n)) {
            continue;
        }
        if (!apic_reaches(id)) {
            log_line(LOG_WARNING,
                     "the CPU with APIC id %u can be reached by x2APIC only: "
                     "going on without it",
                     id);
            continue;
        }
        before = rdtsc();
        if (start_one(cpu_count, id)) {
            compare_tsc(cpu_count, before);
            cpu_count++;
        } else {
            log_line(LOG_WARNING,
                     "the CPU with APIC id %u did not start within %u ms: "
                     "going on without it",
                     id, START_PATIENCE_MS);
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
