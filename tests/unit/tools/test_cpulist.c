/* SPDX-License-Identifier: MIT */
/* tools/xl/cpulist.c: CPUs as a user writes them. */
#include "xl/cpulist.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"

/* Eight CPUs in two nodes; number 6 is missing. */
static struct xc_cpu cpus[] = {
    {.exists = true},
    {.exists = true},
    {.exists = true},
    {.exists = true},
    {.exists = true, .node = 1},
    {.exists = true, .node = 1},
    {.exists = false, .node = 1},
    {.exists = true, .node = 1},
};
static const struct cpulist_host computer = {cpus, 8};
static char error[CPULIST_ERROR_SIZE];

/* What `text` names, written in the one way that there is. */
static const char *meaning(const char *text)
{
    static char found[100];
    struct xc_cpus set;

    error[0] = '\0';
    if (cpulist_parse(text, &computer, &set, error)) {
        return error;
    }
    cpulist_format(&set, 8, found, sizeof(found));
    return found;
}

static void test_sets(void)
{
    EXPECT_TEXT(meaning("0"), "0");
    EXPECT_TEXT(meaning("0-3,5"), "0-3,5");
    EXPECT_TEXT(meaning("0-3,5,^1"), "0,2-3,5");
    EXPECT_TEXT(meaning("all"), "0-5,7");
    EXPECT_TEXT(meaning("all,^7"), "0-5");
    EXPECT_TEXT(meaning("^1,all"), "0-5,7");
    EXPECT_TEXT(meaning("node:1"), "4-5,7");
    EXPECT_TEXT(meaning("nodes:0-1,^node:0"), "4-5,7");
    EXPECT_TEXT(meaning("1,node:1,^5"), "1,4,7");
    EXPECT_TEXT(meaning(" 1 , 2 "), "1-2");
}

static void test_wrong(void)
{
    EXPECT_TEXT(meaning(""), "a number is missing");
    EXPECT_TEXT(meaning("1,"), "a number is missing");
    EXPECT_TEXT(meaning("^"), "a number is missing");
    EXPECT_TEXT(meaning("-1"), "found '-1'; expected a number");
    EXPECT_TEXT(meaning("two,1"), "found 'two'; expected a number");
    EXPECT_TEXT(meaning("1;2"), "found ';2'; expected a comma");
    EXPECT_TEXT(meaning("3-1"), "3-1 runs backwards");
    EXPECT_TEXT(meaning("1-"), "a number is missing");
    EXPECT_TEXT(meaning("6"), "there is no CPU 6; this host has 0 to 7");
    EXPECT_TEXT(meaning("0-9"), "there is no CPU 6; this host has 0 to 7");
    EXPECT_TEXT(meaning("node:2"), "there is no CPU in node 2");
    EXPECT_TEXT(meaning("1,^1"), "no CPU is left");
    EXPECT_TEXT(meaning("^all"), "no CPU is left");
    EXPECT_TEXT(meaning("99999999999999999999"),
                "18446744073709551615 is not a CPU's number; the last one is "
                "1023");
}

static void test_form_alone(void)
{
    struct xc_cpus set;

    EXPECT(!cpulist_parse("0-900,^node:7", NULL, &set, error));
    EXPECT(cpulist_parse("0-x", NULL, &set, error) == -EINVAL);
}

/* Nonsense is refused with a reason; what is taken can be written and read
 * again. */
static void test_random(void)
{
    static const char letters[] = "0123456789,,^-- :alnodes";
    unsigned int taken = 0;

    srand(1);
    for (int i = 0; i < 100000; i++) {
        char text[12] = "", written[100];
        struct xc_cpus set, again;
        int length = rand() % (int)sizeof(text);

        for (int at = 0; at < length; at++) {
            text[at] = letters[(size_t)rand() % (sizeof(letters) - 1)];
        }
        error[0] = '\0';
        if (cpulist_parse(text, &computer, &set, error)) {
            EXPECT(error[0]);
            continue;
        }
        cpulist_format_numbers(&set, 8, written, sizeof(written));
        EXPECT(!cpulist_parse(written, &computer, &again, error));
        EXPECT(!memcmp(&set, &again, sizeof(set)));
        taken++;
    }
    EXPECT(taken > 1000);
}

static void test_formats(void)
{
    struct xc_cpus set = {.bits = {0xff, 0x01}};
    char text[12];

    cpulist_format(&set, 8, text, sizeof(text));
    EXPECT_TEXT(text, "all");
    cpulist_format_numbers(&set, 8, text, sizeof(text));
    EXPECT_TEXT(text, "0-7");
    cpulist_format(&set, 16, text, sizeof(text));
    EXPECT_TEXT(text, "0-8");
    set = (struct xc_cpus){0};
    cpulist_format(&set, 8, text, sizeof(text));
    EXPECT_TEXT(text, "none");
    /* Too long for its place: cut, and nothing beyond is touched. */
    memset(&set, 0x55, sizeof(set));
    cpulist_format(&set, XC_CPUS_MAX, text, sizeof(text));
    EXPECT_TEXT(text, "0,2,4,6,8,1");
}

static const struct check checks[] = {
    {"cpulist: sets", test_sets},
    {"cpulist: wrong", test_wrong},
    {"cpulist: form alone", test_form_alone},
    {"cpulist: random text", test_random},
    {"cpulist: formats", test_formats},
};

CHECK_MAIN(checks)
