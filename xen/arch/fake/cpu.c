/* SPDX-License-Identifier: MIT */
/* CPUs are host threads; the machine's end is a jump back into the test. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/fake/internal.h"
#include "arch/hw_console.h"
#include "arch/timer.h"
#include "lib/string.h"

struct slot {
    uint64_t words[PERCPU_BYTES / sizeof(uint64_t)];
};

static unsigned cpu_count = 1;
static struct slot slots[MAX_CPUS];
static uint32_t kicks[MAX_CPUS];
static _Thread_local unsigned this_cpu;

static _Thread_local jmp_buf end_point;
static _Thread_local bool end_armed;

void fake_start(const struct fake_config *config)
{
    static const struct fake_config usual = {
        .first_mfn = 0x400,
        .page_count = 0x4000,
        .cpu_count = 4,
    };

    if (!config) {
        config = &usual;
    }
    fake_cpu_start(config->cpu_count);
    fake_ram_start(config->first_mfn, config->page_count);
    fake_tables_start();
    fake_tlb_start();
    fake_timer_start();
    fake_console_start();
    fake_trouble_start();
}

void fake_cpu_start(unsigned count)
{
    cpu_count = count;
    this_cpu = 0;
    memset(slots, 0, sizeof(slots));
    memset(kicks, 0, sizeof(kicks));
}

void fake_set_cpu(unsigned cpu)
{
    this_cpu = cpu;
}

bool fake_kicked(unsigned cpu)
{
    return __atomic_exchange_n(&kicks[cpu], 0, __ATOMIC_SEQ_CST) != 0;
}

unsigned arch_cpu(void)
{
    return this_cpu;
}

unsigned arch_cpu_count(void)
{
    return cpu_count;
}

/* The C library's sched_yield() has a namesake in the hypervisor, which would
 * be called instead. */
void arch_cpu_relax(void)
{
    syscall(SYS_sched_yield);
}

void *arch_percpu(void)
{
    return &slots[this_cpu];
}

const void *arch_percpu_of(unsigned cpu)
{
    return &slots[cpu];
}

void arch_cpu_kick(unsigned cpu)
{
    __atomic_fetch_add(&kicks[cpu], 1, __ATOMIC_SEQ_CST);
}

/* Nothing happens by itself here, so the wait is over at once; without a kick
 * it is the timer that ended it. */
void arch_cpu_idle(bool (*work)(void))
{
    if (work() || fake_kicked(this_cpu)) {
        return;
    }
    if (fake_deadline(this_cpu) != NO_DEADLINE &&
        fake_deadline(this_cpu) > arch_time_ns()) {
        fake_set_time(fake_deadline(this_cpu));
    }
}

void arch_take_interrupts(void)
{
}

jmp_buf *fake_end_arm(void)
{
    end_armed = true;
    return &end_point;
}

void fake_end_disarm(void)
{
    end_armed = false;
}

void fake_abort(const char *why)
{
    fprintf(stderr, "the machine ended: %s; its console said:\n%s", why,
            fake_console_output());
    abort();
}

static noreturn_fn void end(enum fake_end how, const char *why)
{
    if (!end_armed) {
        fake_abort(why);
    }
    longjmp(end_point, how);
}

void arch_poweroff(void)
{
    end(FAKE_POWERED_OFF, "power-off");
}

void arch_reboot(void)
{
    end(FAKE_REBOOTED, "reboot");
}

void arch_halt_all(void)
{
    end(FAKE_HALTED, "halt");
}

/* abort() of an unexpected end shows one through the sanitizer. */
void arch_backtrace(void)
{
}

/* The same each time, as everything here. */
uint64_t arch_random(void)
{
    return 0x243f6a8885a308d3ULL;
}
