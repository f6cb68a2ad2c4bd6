/* SPDX-License-Identifier: MIT */
/*
 * The fake machine: every contract of arch/ again, in one process on the host,
 * so that all layers above run under sanitizers. This header is what a test
 * sees besides the contracts: it starts the machine, plays its guests and
 * looks at what happened.
 *
 * Each host thread is one CPU (0 unless it says otherwise). Time stands still
 * unless it is moved. Nothing here is a random choice.
 */
#ifndef ARCH_FAKE_FAKE_H
#define ARCH_FAKE_FAKE_H

#include <setjmp.h>

#include "arch/guest_run.h"
#include "arch/hostmap.h"
#include "arch/pte_format.h"
#include "arch/tlb.h"
#include "arch/trouble.h"

/* --- The machine --- */

struct fake_config {
    uint64_t first_mfn; /* RAM is [first_mfn, first_mfn + page_count) */
    uint64_t page_count;
    unsigned cpu_count;
};

/* NULL: 64 MiB from frame 0x400 on, 4 CPUs. RAM costs nothing until it is
 * touched. Calling it again gives a new machine with fresh RAM. */
void fake_start(const struct fake_config *config);
uint64_t fake_first_mfn(void);
uint64_t fake_page_count(void);

/* Fill all RAM with a pattern that is not zero. */
void fake_dirty_ram(void);

/* This host thread is CPU `cpu` from now on. */
void fake_set_cpu(unsigned cpu);

/* Was CPU `cpu` kicked since the last question? */
bool fake_kicked(unsigned cpu);

/* --- The end of the machine (panic, reboot, power-off) --- */

enum fake_end {
    FAKE_RUNNING,
    FAKE_HALTED,
    FAKE_REBOOTED,
    FAKE_POWERED_OFF,
};

/*
 * Run the statement; how == FAKE_RUNNING afterwards if it came to its end, or
 * how the machine ended in it. Locks stay as they were: the only things to do
 * then are to look and to leave. Without this, an end aborts the process.
 */
#define FAKE_RUN_TO_END(how, statement)                                        \
    do {                                                                       \
        (how) = (enum fake_end)setjmp(*fake_end_arm());                        \
        if ((how) == FAKE_RUNNING) {                                           \
            statement;                                                         \
        }                                                                      \
        fake_end_disarm();                                                     \
    } while (0)

jmp_buf *fake_end_arm(void);
void fake_end_disarm(void);

/* --- Time --- */

void fake_set_time(uint64_t ns);
void fake_advance(uint64_t ns);
uint64_t fake_deadline(unsigned cpu);

/* --- Trouble --- */

/* What arch_trouble_take() says next; 64 at most may wait. */
void fake_trouble(const struct trouble *t);

/* --- Console --- */

/* All that was sent since the start or fake_console_clear(), as a string. */
const char *fake_console_output(void);
void fake_console_clear(void);
/* What the operator types; the text must stay. */
void fake_console_type(const char *text);
/* Copy what is sent to stderr, too. */
void fake_console_echo(bool echo);

/* --- Second-stage tables and translations --- */

/* Every arch_pte_write() of this machine, oldest first. */
struct fake_pte_write {
    uint64_t *slot;
    uint64_t old, new;
    uint64_t flushes_before; /* fake_flush_count() at that time */
};
size_t fake_pte_write_count(void);
const struct fake_pte_write *fake_pte_write_at(size_t index);
/* Forget them, for a long test that does not look at them: nothing may wait for
 * a flush. */
void fake_forget_pte_writes(void);

uint64_t fake_flush_count(void);

/* Called with each write after it is done, and before each flush counts. NULL:
 * nothing. */
void fake_on_pte_write(void (*hook)(const struct fake_pte_write *write));
void fake_on_flush(void (*hook)(const struct guest_tlb *tlb));

/*
 * The frames that CPUs may still reach because the entry that led to them was
 * replaced after the last flush: visit(mfn, order, is_table) for each. None of
 * them may be free yet.
 */
void fake_visit_unflushed(void (*visit)(mfn_t mfn, unsigned order,
                                        bool is_table));

/*
 * What the guest on this CPU does to memory: translate gpa through the tables
 * at root as the hardware would, with this CPU's cache of translations, which
 * holds on to an old one until a flush. Returns where the byte is, or NULL and
 * the EXIT_FAULT. Writing sets the leaf's dirty bit.
 */
enum fake_access {
    FAKE_READ,
    FAKE_WRITE,
    FAKE_EXECUTE,
};
void *fake_guest_access(struct guest_tlb *tlb, mfn_t root, gpa_t gpa,
                        enum fake_access access, struct guest_exit *fault);

/*
 * How many cached translations a CPU could use now although the tables no
 * longer say so; one that is dirty when the leaf is not counts, too. Must be 0
 * whenever nobody is about to flush.
 */
unsigned fake_stale_translations(const struct guest_tlb *tlb, mfn_t root);

/* --- Guests --- */

/* Called at each arch_guest_run() to play the guest: fills in *exit. */
typedef void (*fake_program)(void *context, struct guest_cpu *gc,
                             struct guest_regs *regs, struct guest_exit *exit);
void fake_guest_program(struct guest_cpu *gc, fake_program program,
                        void *context);

/* Or just these exits, one after the other, then HLT for ever. The array must
 * stay. */
void fake_guest_script(struct guest_cpu *gc, const struct guest_exit *exits,
                       size_t count);

/* What was injected at the last entry. */
struct fake_injected {
    bool exception, nmi;
    unsigned vector;
    int64_t error;
    uint64_t cr2;
    int irq; /* taken; -1: none */
};
struct fake_injected fake_injected(const struct guest_cpu *gc);
uint64_t fake_guest_run_count(const struct guest_cpu *gc);
uint64_t fake_tsc_offset(const struct guest_cpu *gc);

/* The host's CPUID leaf for arch_guest_cpuid(); up to 32 of them. */
void fake_set_cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_regs regs);

#endif
