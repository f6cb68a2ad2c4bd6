/* SPDX-License-Identifier: MIT */
/*
 * Contract: the processors themselves.
 *
 * The hypervisor runs with interrupts off except while idle and for a moment
 * after an exit caused by one, so nothing here is re-entered. Kicks are the
 * way to make another CPU look at what changed.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "types/words.h"

#define MAX_CPUS 64

/* This CPU's index, 0 .. arch_cpu_count() - 1; CPU 0 is the boot CPU. */
unsigned arch_cpu(void);
unsigned arch_cpu_count(void);
void arch_cpu_relax(void);

/* The slot of this CPU's private data (base/percpu.h): PERCPU_BYTES zeroed
 * bytes, valid from before the first lock is taken. Or that of any CPU, to look
 * at. */
#define PERCPU_BYTES 1024
void *arch_percpu(void);
const void *arch_percpu_of(unsigned cpu);

/*
 * Make CPU `cpu` leave guest mode or its idle wait soon; harmless when it is
 * in neither. After the kick it evaluates whatever memory it shares with us.
 * Memory written before the call is visible to it afterwards.
 */
void arch_cpu_kick(unsigned cpu);

/* Idle until a kick, a timer or a device interrupt. Returns with interrupts
 * off. `work` is evaluated with interrupts off just before the wait: nothing
 * that arrives after it returned false is lost. */
void arch_cpu_idle(bool (*work)(void));

/* Let pending host interrupts be taken now (interrupts are off otherwise). */
void arch_take_interrupts(void);

/* A number for keys of hash tables, which guests shall not guess: from the
 * processor's source of noise, or of the clock where it has none. */
uint64_t arch_random(void);

/* Machine ends. */
void arch_poweroff(void) __attribute__((noreturn));
void arch_reboot(void) __attribute__((noreturn));

/* Stop all other CPUs for good and this one too; panic's last step. */
void arch_halt_all(void) __attribute__((noreturn));

/* Print a symbolised backtrace of the caller through base/console. */
void arch_backtrace(void);

#endif
