/* SPDX-License-Identifier: MIT */
/*
 * CHECK: always on; stops the host, for our own bugs only, where going on
 * would corrupt memory. ASSERT: cheap facts, debug builds. BUILD_ASSERT:
 * layouts. None of them ever tests what a guest supplied.
 */
#ifndef TYPES_CHECK_H
#define TYPES_CHECK_H

#include "types/words.h"

#define must_check         __attribute__((warn_unused_result))
#define noreturn_fn        __attribute__((noreturn))
#define printf_like(f, a)  __attribute__((format(printf, f, a)))
#define likely(x)          __builtin_expect(!!(x), 1)
#define unlikely(x)        __builtin_expect(!!(x), 0)
#define BUILD_ASSERT(e, m) _Static_assert(e, m)
#define ARRAY_COUNT(a)     (sizeof(a) / sizeof((a)[0]))

/* The object that holds member m at ptr. */
#define container_of(ptr, type, m)                                             \
    ((type *)(void *)((char *)(ptr)-offsetof(type, m)))

/* Prints where and what, a backtrace, and stops the machine (base/panic.c). */
noreturn_fn void check_failed(const char *what, const char *file, int line);

#define CHECK(e)                                                               \
    do {                                                                       \
        if (unlikely(!(e))) {                                                  \
            check_failed(#e, __FILE__, __LINE__);                              \
        }                                                                      \
    } while (0)

#ifdef PODIUM_DEBUG
#define ASSERT(e) CHECK(e)
#else
#define ASSERT(e)                                                              \
    do {                                                                       \
        if (0) {                                                               \
            (void)(e);                                                         \
        }                                                                      \
    } while (0)
#endif

#endif
