/* SPDX-License-Identifier: MIT */
/*
 * The end. The first CPU that comes here prints and stops the machine; a
 * second one waits to be stopped, and a panic within the panic gives up
 * printing. Nothing here takes a lock.
 */
#include "base/panic.h"
#include "arch/cpu.h"
#include "base/console.h"
#include "base/trace.h"
#include "lib/printf.h"

static bool stay_halted;
static uint32_t panicking_cpu; /* CPU + 1 of the first; 0: all is well */

#define TRACE_SHOWN 16

void panic_set_noreboot(bool noreboot)
{
    stay_halted = noreboot;
}

static noreturn_fn void stop_machine(void)
{
    if (!stay_halted) {
        arch_reboot();
    }
    arch_halt_all();
}

/* Only the first CPU returns from this. */
static void claim_panic(void)
{
    uint32_t first = 0;

    if (__atomic_compare_exchange_n(&panicking_cpu, &first, arch_cpu() + 1,
                                    false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST)) {
        return;
    }
    if (first == arch_cpu() + 1) {
        stop_machine();
    }
    for (;;) {
        arch_cpu_relax();
    }
}

void panic(const char *fmt, ...)
{
    char reason[200];
    va_list args;

    claim_panic();
    console_break_locks();
    va_start(args, fmt);
    format_text_v(reason, sizeof(reason), fmt, args);
    va_end(args);
    log_line(LOG_ERROR, "Panic on CPU %u: %s", arch_cpu(), reason);
    arch_backtrace();
    trace_dump(arch_cpu(), TRACE_SHOWN);
    log_line(LOG_ERROR, "%s", stay_halted ? "Halted." : "Rebooting.");
    stop_machine();
}

void check_failed(const char *what, const char *file, int line)
{
    panic("CHECK(%s) failed at %s:%d", what, file, line);
}
