/* SPDX-License-Identifier: MIT */
/*
 * Three domains that make hypercalls at their worst: number 0 is the control
 * domain, and each may name itself or another. What they say is chosen by the
 * caller's function, at random (guest/model_hypercall.c) or by a fuzzer
 * (tests/fuzz/fuzz_memory.c). No result is wrong by itself; audits, sanitizers
 * and the fake machine's look at stale translations judge.
 */
#ifndef CALLS_H
#define CALLS_H

#include "domains.h"

#define CALLS_DOMAINS 3U

/* 0 .. limit - 1; any word if limit is 0. */
typedef uint64_t call_choice(uint64_t limit);

/* The domains, on a machine that was started. */
void calls_start(call_choice *choose);

/* One of the calls of a kind. Before it the caller is repaired, if its own
 * tables or arguments are no longer RAM. */
void calls_memory(void);
void calls_grant(void);
void calls_other(void);
/* Transcendent memory: tmem_start() came first. */
void calls_tmem(void);

/* A domain reads or writes some of its memory. */
void calls_touch(void);

/* The domains end, all at once as they map each other's pages. */
void calls_end(void);

#endif
