/* SPDX-License-Identifier: MIT */
/* Runs the TESTs of one program. Verdicts go to stdout, one line each; what a
 * failed test had to say goes to stderr. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#define MAX_TESTS       200
#define TIMEOUT_SECONDS 120
#define FAILED_STATUS   98

struct test {
    const char *name;
    int line;
    unit_function function;
};

static struct test tests[MAX_TESTS];
static unsigned test_count;
static char *why; /* shared with the child */

#define WHY_SIZE 4096

/* Tests of what has no heap need no hunt for leaks at each exit. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0:exitcode=97";
}

void unit_register(const char *name, int line, unit_function function)
{
    if (test_count == MAX_TESTS) {
        abort();
    }
    tests[test_count++] =
        (struct test){.name = name, .line = line, .function = function};
}

void unit_fail(const char *file, int line, const char *fmt, ...)
{
    int length = snprintf(why, WHY_SIZE, "%s:%d: ", file, line);
    va_list args;

    va_start(args, fmt);
    vsnprintf(why + length, WHY_SIZE - (size_t)length, fmt, args);
    va_end(args);
    if (getenv("UNIT_NOFORK")) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
    _exit(FAILED_STATUS);
}

uint64_t unit_seed(uint64_t usual)
{
    const char *text = getenv("UNIT_SEED");

    return text ? strtoull(text, NULL, 0) : usual;
}

uint64_t unit_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15ULL;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

uint64_t unit_random_below(uint64_t *state, uint64_t limit)
{
    return unit_random(state) % limit;
}

unsigned unit_long(void)
{
    const char *text = getenv("UNIT_LONG");

    return text ? (unsigned)atoi(text) : 1;
}

static int by_line(const void *a, const void *b)
{
    return ((const struct test *)a)->line - ((const struct test *)b)->line;
}

static bool run_in_child(const struct test *test)
{
    pid_t child;
    int status;

    why[0] = '\0';
    fflush(NULL);
    child = fork();
    if (child == 0) {
        alarm(TIMEOUT_SECONDS * unit_long());
        test->function();
        exit(0); /* not _exit: `make cov` counts there */
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork");
        exit(2);
    }
    if (status == 0) {
        return true;
    }
    if (WIFSIGNALED(status)) {
        snprintf(why, WHY_SIZE, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != FAILED_STATUS) {
        snprintf(why, WHY_SIZE, "exit status %d", WEXITSTATUS(status));
    }
    return false;
}

static bool run(const char *program, const struct test *test)
{
    bool ok = true;

    if (getenv("UNIT_NOFORK")) {
        test->function();
    } else {
        ok = run_in_child(test);
    }
    if (ok) {
        printf("pass %s.%s\n", program, test->name);
    } else {
        printf("fail %s.%s: %s\n", program, test->name, why);
    }
    fflush(stdout);
    return ok;
}

/* The last two parts of the program's path: mm/test_heap. */
static const char *short_name(const char *path)
{
    const char *name = path + strlen(path);
    unsigned slashes = 0;

    while (name > path && (name[-1] != '/' || ++slashes < 2)) {
        name--;
    }
    return name;
}

int main(int argc, char **argv)
{
    bool list = argc > 1 && strcmp(argv[1], "--list") == 0;
    const char *only = argc > 1 ? argv[1] : NULL;
    unsigned failed = 0, ran = 0;

    why = mmap(NULL, WHY_SIZE, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (why == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    qsort(tests, test_count, sizeof(tests[0]), by_line);
    for (unsigned i = 0; i < test_count; i++) {
        if (list) {
            puts(tests[i].name);
        } else if (!only || strcmp(only, tests[i].name) == 0) {
            failed += !run(short_name(argv[0]), &tests[i]);
            ran++;
        }
    }
    if (!list && !ran) {
        fprintf(stderr, "no such test\n");
        return 2;
    }
    return failed != 0;
}
