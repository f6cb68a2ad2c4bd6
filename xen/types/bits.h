/* SPDX-License-Identifier: MIT */
/* Bits, masks and atomics on words that may be shared with a guest. */
#ifndef TYPES_BITS_H
#define TYPES_BITS_H

#include "types/words.h"

#define BIT(n)             (1ULL << (n))
#define ROUND_UP(x, a)     (((x) + (a)-1) & ~((a)-1))
#define ROUND_DOWN(x, a)   ((x) & ~((a)-1))
#define DIV_ROUND_UP(x, d) (((x) + (d)-1) / (d))
#define MIN(a, b)          ((a) < (b) ? (a) : (b))
#define MAX(a, b)          ((a) > (b) ? (a) : (b))

#define READ_ONCE(x)     __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)

/* Full memory barrier between CPUs. */
static inline void mem_barrier(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Atomically set/clear bit n of the word array at w; return its old value. */
static inline bool bit_test_and_set(uint64_t *w, unsigned n)
{
    return __atomic_fetch_or(&w[n / 64], BIT(n % 64), __ATOMIC_SEQ_CST) &
           BIT(n % 64);
}

static inline bool bit_test_and_clear(uint64_t *w, unsigned n)
{
    return __atomic_fetch_and(&w[n / 64], ~BIT(n % 64), __ATOMIC_SEQ_CST) &
           BIT(n % 64);
}

static inline bool bit_test(const uint64_t *w, unsigned n)
{
    return READ_ONCE(w[n / 64]) & BIT(n % 64);
}

#endif
