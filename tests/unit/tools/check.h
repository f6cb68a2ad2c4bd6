/* SPDX-License-Identifier: MIT */
/*
 * The least that a test of the tools needs. A test is a function that returns
 * nothing; EXPECT notes a failure and goes on. Each test prints one line,
 * "pass NAME" or "fail NAME", after the details of what failed.
 */
#ifndef TESTS_TOOLS_CHECK_H
#define TESTS_TOOLS_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool check_failed, check_any_failed;

#define EXPECT(condition)                                                      \
    do {                                                                       \
        if (!(condition)) {                                                    \
            printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);     \
            check_failed = true;                                               \
        }                                                                      \
    } while (0)

#define EXPECT_TEXT(found, expected)                                           \
    check_text(found, expected, __FILE__, __LINE__)

static inline void check_text(const char *found, const char *expected,
                              const char *file, int line)
{
    if (!found || strcmp(found, expected) != 0) {
        printf("%s:%d: found \"%s\"\n%s:%d: wanted \"%s\"\n", file, line,
               found ? found : "(null)", file, line, expected);
        check_failed = true;
    }
}

struct check {
    const char *name;
    void (*run)(void);
};

/* Runs them all; the program's exit status. */
static inline int check_all(const struct check *checks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_failed = false;
        checks[i].run();
        printf("%s %s\n", check_failed ? "fail" : "pass", checks[i].name);
        check_any_failed |= check_failed;
    }
    return check_any_failed;
}

#define CHECK_MAIN(checks)                                                     \
    int main(void)                                                             \
    {                                                                          \
        return check_all(checks, sizeof(checks) / sizeof((checks)[0]));        \
    }

#endif
