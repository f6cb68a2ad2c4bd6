/* SPDX-License-Identifier: MIT */
/* Counts expectations and ends the test with its result line. Any vCPU may
 * call; the first to end the test does. */
#include "test.h"

#include "console.h"
#include "hypercall.h"
#include "lib/printf.h"

#include <xen/sched.h>

static unsigned expected_count;
static unsigned failed_count;
static char first_failure[160];

static void finish(void) noreturn_fn;

static void finish(void)
{
    struct sched_shutdown shutdown = {.reason = SHUTDOWN_poweroff};

    console_flush();
    for (;;) {
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_shutdown,
                   (uint64_t)&shutdown);
    }
}

/* False: another vCPU is ending the test already. */
static bool begin_end(void)
{
    static bool is_ending;

    return !__atomic_exchange_n(&is_ending, true, __ATOMIC_SEQ_CST);
}

static void end_with(const char *word, const char *reason, va_list args)
{
    char text[200];

    if (begin_end()) {
        format_text_v(text, sizeof(text), reason, args);
        print("test-result: %s %s\n", word, text);
    }
    finish();
}

void test_end(void)
{
    if (begin_end()) {
        if (failed_count) {
            print("test-result: FAILURE %u of %u: %s\n", failed_count,
                  expected_count, first_failure);
        } else {
            print("%u expectations\n", expected_count);
            print("test-result: SUCCESS\n");
        }
    }
    finish();
}

void test_skip(const char *reason, ...)
{
    va_list args;

    va_start(args, reason);
    end_with("SKIP", reason, args);
    __builtin_unreachable();
}

void test_error(const char *reason, ...)
{
    va_list args;

    va_start(args, reason);
    end_with("ERROR", reason, args);
    __builtin_unreachable();
}

void test_section(const char *format, ...)
{
    char text[160];
    va_list args;

    va_start(args, format);
    format_text_v(text, sizeof(text), format, args);
    va_end(args);
    print("-- %s\n", text);
}

static void note_failure(const char *text)
{
    if (__atomic_fetch_add(&failed_count, 1, __ATOMIC_SEQ_CST) == 0) {
        format_text(first_failure, sizeof(first_failure), "%s", text);
    }
    print("FAILED %s\n", text);
}

bool test_expect(bool holds, const char *what, const char *file, int line)
{
    char text[160];

    __atomic_fetch_add(&expected_count, 1, __ATOMIC_SEQ_CST);
    if (!holds) {
        format_text(text, sizeof(text), "%s:%d: %s", file, line, what);
        note_failure(text);
    }
    return holds;
}

bool test_expect_equal(int64_t got, int64_t wanted, const char *what,
                       const char *file, int line)
{
    char text[160];

    __atomic_fetch_add(&expected_count, 1, __ATOMIC_SEQ_CST);
    if (got != wanted) {
        format_text(text, sizeof(text), "%s:%d: %s: %lld (0x%llx), not %lld",
                    file, line, what, (long long)got, (unsigned long long)got,
                    (long long)wanted);
        note_failure(text);
    }
    return got == wanted;
}

void test_require(bool holds, const char *what, const char *file, int line)
{
    if (!test_expect(holds, what, file, line)) {
        test_end();
    }
}
