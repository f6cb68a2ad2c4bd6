/* SPDX-License-Identifier: MIT */
/*
 * Machine checks on this processor. The handler may have interrupted anything,
 * so it takes no lock and calls nothing that does: it writes down what the
 * banks say (trouble.c) and clears them, or panics.
 *
 * A test puts values before the banks of a CPU (`pretended`); they are read
 * instead of the registers, and cleared like them: by the handler if MCG_STATUS
 * is among them, else by the next look.
 */
#include "arch/x86/mce.h"
#include "arch/trouble.h"
#include "arch/x86/asm.h"
#include "arch/x86/trouble.h"
#include "base/console.h"
#include "base/panic.h"
#include "types/error.h"

#define BANK_LIMIT     32U
#define REGISTER_LIMIT (4UL * BANK_LIMIT)

enum bank_register {
    BANK_CTL,
    BANK_STATUS,
    BANK_ADDR,
    BANK_MISC,
};

static unsigned bank_count; /* of CPU 0; 0: no machine checks here */
static bool has_control;

/* One bank of each CPU. */
static struct pretended {
    bool on;
    unsigned bank;
    uint64_t registers[4];
    uint64_t global;
} pretended[MAX_CPUS];

static uint32_t msr_of(unsigned bank, enum bank_register r)
{
    return MSR_MC0_CTL + 4 * bank + r;
}

static struct pretended *pretends(unsigned bank)
{
    struct pretended *p = &pretended[this_cpu()->index];

    return p->on && p->bank == bank ? p : NULL;
}

static uint64_t bank_read(unsigned bank, enum bank_register r)
{
    const struct pretended *p = pretends(bank);

    if (p) {
        return p->registers[r];
    }
    return bank < bank_count ? rdmsr(msr_of(bank, r)) : 0;
}

static void bank_clear(unsigned bank)
{
    struct pretended *p = pretends(bank);

    if (p) {
        p->on = false;
    } else {
        wrmsr(msr_of(bank, BANK_STATUS), 0);
    }
}

static struct trouble bank_trouble(unsigned bank, uint64_t status)
{
    struct trouble t = {
        .kind = TROUBLE_CORRECTED,
        .bank = (uint8_t)bank,
        .status = status,
        .has_address = status & MC_HAS_ADDRESS,
    };

    if (t.has_address) {
        t.address = PADDR(bank_read(bank, BANK_ADDR));
    }
    return t;
}

static noreturn_fn void fatal(const struct trouble *t, bool from_guest)
{
    char text[120];

    arch_trouble_text(t->status, text, sizeof(text));
    console_break_locks();
    log_line(LOG_ERROR, "CPU %u: machine check in %s: bank %u: %s",
             this_cpu()->index, from_guest ? "a guest" : "the hypervisor",
             t->bank, text);
    panic("machine check: status %lx, address %lx%s", t->status, t->address.v,
          t->has_address ? "" : " (not known)");
}

void mce_handle(bool from_guest)
{
    struct pretended *p = &pretended[this_cpu()->index];
    bool pretend = p->on;
    uint64_t real = bank_count && !pretend ? rdmsr(MSR_MCG_STATUS) : 0;
    uint64_t global = pretend ? p->global : real;
    bool can_go_on = global & MCG_RIPV;
    unsigned found = 0;

    for (unsigned bank = 0; bank < BANK_LIMIT; bank++) {
        uint64_t status = bank_read(bank, BANK_STATUS);
        enum mce_verdict verdict = mce_judge(status, can_go_on, from_guest);
        struct trouble t;

        if (verdict == MCE_NOTHING) {
            continue;
        }
        found++;
        t = bank_trouble(bank, status);
        if (verdict == MCE_FATAL) {
            fatal(&t, from_guest);
        }
        if (verdict == MCE_PAGE) {
            t.kind = TROUBLE_MEMORY;
            t.guest_lost =
                from_guest && (!can_go_on || (status & MC_TASK_CORRUPT));
        }
        trouble_note(&t);
        bank_clear(bank);
    }
    /* Intel's go to all processors: most find nothing in their banks. */
    if (!found && !can_go_on && !from_guest) {
        panic("machine check: the processor cannot go on, and does not say "
              "why");
    }
    if (!pretend && bank_count) {
        wrmsr(MSR_MCG_STATUS, 0);
    }
}

/* Without an exception. What is not corrected was found by a patrol, and
 * nobody has read it: the page is lost all the same. */
void arch_trouble_poll(void)
{
    const struct pretended *p = &pretended[this_cpu()->index];

    for (unsigned bank = 0; bank < (p->on ? BANK_LIMIT : bank_count); bank++) {
        uint64_t status = bank_read(bank, BANK_STATUS);
        struct trouble t;

        if (!(status & MC_VALID) || (pretends(bank) && p->global)) {
            continue;
        }
        t = bank_trouble(bank, status);
        if ((status & MC_UNCORRECTED) && t.has_address) {
            t.kind = TROUBLE_MEMORY;
        }
        trouble_note(&t);
        bank_clear(bank);
    }
}

/* Left over from what ended the machine before: its pages are nobody's now. */
static void report_left_over(void)
{
    for (unsigned bank = 0; bank < bank_count; bank++) {
        uint64_t status = bank_read(bank, BANK_STATUS);
        char text[120];

        if (!(status & MC_VALID)) {
            continue;
        }
        arch_trouble_text(status, text, sizeof(text));
        log_line(LOG_WARNING,
                 "CPU %u: a machine check from before the boot: bank %u: %s, "
                 "status %lx",
                 this_cpu()->index, bank, text, status);
        bank_clear(bank);
    }
}

void mce_init_this_cpu(void)
{
    uint32_t a, b, c, d;
    uint64_t cap;

    cpuid_count(1, 0, &a, &b, &c, &d);
    if (!(d & BIT(7)) || !(d & BIT(14))) { /* MCE, MCA */
        return;
    }
    cap = rdmsr(MSR_MCG_CAP);
    if (!bank_count) {
        bank_count = MIN((unsigned)(cap & MCG_CAP_BANKS), BANK_LIMIT);
        has_control = cap & MCG_CAP_CTL;
    }
    report_left_over();
    if (has_control) {
        wrmsr(MSR_MCG_CTL, ~0ULL);
    }
    for (unsigned bank = 0; bank < bank_count; bank++) {
        wrmsr(msr_of(bank, BANK_CTL), ~0ULL);
    }
    wrmsr(MSR_MCG_STATUS, 0);
    write_cr4(read_cr4() | CR4_MCE);
}

int arch_trouble_set_register(uint64_t msr, uint64_t value)
{
    struct pretended *p = &pretended[this_cpu()->index];
    uint64_t offset = msr - MSR_MC0_CTL;

    if (msr == MSR_MCG_STATUS) {
        p->global = value;
        return 0;
    }
    if (msr < MSR_MC0_CTL || offset >= REGISTER_LIMIT) {
        return -EINVAL;
    }
    if (!p->on || p->bank != offset / 4) {
        *p = (struct pretended){.global = p->global,
                                .bank = (unsigned)offset / 4};
        p->on = true;
    }
    p->registers[offset % 4] = value;
    return 0;
}

bool arch_trouble_is_address(uint64_t msr)
{
    return msr >= MSR_MC0_CTL && msr < MSR_MC0_CTL + REGISTER_LIMIT &&
           msr % 4 == BANK_ADDR;
}

int arch_trouble_machine_check(void)
{
    if (!pretended[this_cpu()->index].on) {
        return -ENODATA;
    }
    __asm__ volatile("int $18" : : : "memory");
    return 0;
}
