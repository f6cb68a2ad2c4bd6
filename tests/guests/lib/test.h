/* SPDX-License-Identifier: MIT */
/*
 * How a guest says what it found. The last line of its console is one of
 *
 *   test-result: SUCCESS
 *   test-result: SKIP reason      this platform lacks what the test needs
 *   test-result: ERROR reason     the test could not be carried out
 *   test-result: FAILURE reason   it was, and the platform is wrong
 *
 * An expectation that fails is printed and counted, and the test goes on; what
 * the rest depends on is REQUIREd.
 */
#ifndef GUEST_TEST_H
#define GUEST_TEST_H

#include "types/bits.h"
#include "types/check.h"
#include "types/error.h"

/* Each guest's own. Returning ends the test. */
void test_main(void);

void test_end(void) noreturn_fn;
void test_skip(const char *reason, ...) noreturn_fn printf_like(1, 2);
void test_error(const char *reason, ...) noreturn_fn printf_like(1, 2);

/* A heading for what comes. */
void test_section(const char *format, ...) printf_like(1, 2);

/* `holds` again, after counting and printing a failure. */
bool test_expect(bool holds, const char *what, const char *file, int line);
bool test_expect_equal(int64_t got, int64_t wanted, const char *what,
                       const char *file, int line);
void test_require(bool holds, const char *what, const char *file, int line);

#define EXPECT(e) test_expect(e, #e, __FILE__, __LINE__)

/* As EXPECT, printing both values. */
#define EXPECT_EQ(got, wanted)                                                 \
    test_expect_equal(got, wanted, #got " == " #wanted, __FILE__, __LINE__)

/* As EXPECT; the test ends if it does not hold. */
#define REQUIRE(e) test_require(e, #e, __FILE__, __LINE__)

#endif
