/* SPDX-License-Identifier: MIT */
/*
 * Unit tests: one program per file, and in it one process per TEST, so that
 * each begins with all static data fresh, and that a crash or a sanitizer's
 * complaint is one failed test and not the end.
 *
 *     TEST(adds_two_numbers)
 *     {
 *         EXPECT_EQ(add(1, 2), 3);
 *     }
 *
 * Run a program by hand for one test, or with --list; with UNIT_NOFORK=1 in
 * the environment it stays in one process for a debugger.
 */
#ifndef UNIT_H
#define UNIT_H

#include <string.h>

#include "types/check.h"
#include "types/words.h"

typedef void (*unit_function)(void);
void unit_register(const char *name, int line, unit_function function);

#define TEST(name)                                                             \
    static void test_##name(void);                                             \
    __attribute__((constructor)) static void register_##name(void)             \
    {                                                                          \
        unit_register(#name, __LINE__, test_##name);                           \
    }                                                                          \
    static void test_##name(void)

/* Ends this test. A second failure is not looked for. */
printf_like(3, 4) noreturn_fn
    void unit_fail(const char *file, int line, const char *fmt, ...);

#define FAIL(...) unit_fail(__FILE__, __LINE__, __VA_ARGS__)

#define EXPECT(e)                                                              \
    do {                                                                       \
        if (!(e)) {                                                            \
            FAIL("%s", #e);                                                    \
        }                                                                      \
    } while (0)

#define EXPECT_EQ(a, b)                                                        \
    do {                                                                       \
        uint64_t unit_a = (uint64_t)(a), unit_b = (uint64_t)(b);               \
        if (unit_a != unit_b) {                                                \
            FAIL("%s is %#lx, but %s is %#lx", #a, unit_a, #b, unit_b);        \
        }                                                                      \
    } while (0)

#define EXPECT_TEXT(a, b)                                                      \
    do {                                                                       \
        const char *unit_a = (a), *unit_b = (b);                               \
        if (strcmp(unit_a, unit_b) != 0) {                                     \
            FAIL("%s is \"%s\", expected \"%s\"", #a, unit_a, unit_b);         \
        }                                                                      \
    } while (0)

/* Random numbers for model tests: the same for the same seed. The seed is that
 * of the environment's UNIT_SEED, else `usual`. */
uint64_t unit_seed(uint64_t usual);
uint64_t unit_random(uint64_t *state);
/* 0 .. limit - 1 */
uint64_t unit_random_below(uint64_t *state, uint64_t limit);

/* How many times longer than usual to go on: UNIT_LONG in the environment. */
unsigned unit_long(void);

#endif
