/* SPDX-License-Identifier: MIT */
/*
 * What a guest measured goes to its console, a line each:
 *
 *     bench: NAME VALUE
 *
 * Time is the processor's cycle counter, which counts instructions where time
 * is made of them (QEMU's -icount shift=0). The counter runs on while others
 * run, so a number is the least of several rounds, each of which is short
 * against the hypervisor's 2 ms tick.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "cpu.h"

#define BENCH_ROUNDS 8

void bench_report(const char *name, uint64_t value);

/* The least of what was noted. */
struct bench {
    const char *name;
    uint64_t least_plus_one; /* 0: nothing yet */
};
void bench_note(struct bench *b, uint64_t value);
void bench_end(const struct bench *b);

/* What one call takes, `count` in a row in each of BENCH_ROUNDS rounds. */
void bench_loop(const char *name, void (*function)(void), unsigned count);

#endif
