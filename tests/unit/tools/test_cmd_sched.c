/* SPDX-License-Identifier: MIT */
/* sched-credit2: what it shows, what it changes, and what it refuses. */
#include "check.h"
#include "fake_host.h"
#include "xl/cmdtable.h"
#include "xl_run.h"

#define HEADING "Name                                ID Weight  Cap\n"
#define GUEST   "guest                                7    512   50\n"

static void fresh(void)
{
    fake_host_reset();
    fake_host_guest();
    host.weight = 512;
    host.cap = 50;
    host.ratelimit_us = 1000;
}

static void test_show(void)
{
    fresh();
    EXPECT(xl_run("sched-credit2") == XL_OK);
    EXPECT_TEXT(xl_output,
                "Cpupool Pool-0: ratelimit=1000us\n" HEADING
                "Domain-0                             0    256    0\n" GUEST);
    EXPECT(xl_run("sched-credit2 -p Pool-0") == XL_OK);
    EXPECT(strstr(xl_output, GUEST));
    EXPECT(xl_run("sched-credit2 -d guest") == XL_OK);
    EXPECT_TEXT(xl_output, HEADING GUEST);
    EXPECT(xl_run("sched-credit2 -s") == XL_OK);
    EXPECT_TEXT(xl_output, "Cpupool Pool-0: ratelimit=1000us\n");
    EXPECT(host.buffers == 0);
}

static void test_change(void)
{
    fresh();
    EXPECT(xl_run("sched-credit2 -d guest -w 100") == XL_OK);
    EXPECT(host.weight == 100 && host.cap == 50);
    EXPECT(xl_run("sched-credit2 --domain=7 --cap=200") == XL_OK);
    EXPECT(host.weight == 100 && host.cap == 200);
    EXPECT(xl_run("sched-credit2 -d guest -c 0 -w 65535") == XL_OK);
    EXPECT(host.weight == 65535 && host.cap == 0);
    EXPECT_TEXT(xl_output, "");
    EXPECT(xl_run("sched-credit2 -s -r 500") == XL_OK);
    EXPECT(host.ratelimit_us == 500);
    EXPECT(xl_run("sched-credit2 -s -p Pool-0 --ratelimit_us=0") == XL_OK);
    EXPECT(host.ratelimit_us == 0);
}

static void expect_refused(const char *line, const char *why)
{
    char message[200];

    EXPECT(xl_run(line) == XL_FAILED);
    snprintf(message, sizeof(message), "xl: %s\n", why);
    EXPECT_TEXT(xl_messages, message);
    EXPECT(host.weight == 512 && host.cap == 50 && host.ratelimit_us == 1000);
}

static void test_refuse(void)
{
    fresh();
    expect_refused("sched-credit2 -w 1",
                   "-w and -c need -d, which says of which domain");
    expect_refused("sched-credit2 -d guest -p Pool-0",
                   "-p does not go with -d, -w or -c");
    expect_refused("sched-credit2 -d guest -s",
                   "-s does not go with -d, -w or -c");
    expect_refused("sched-credit2 -r 1000", "-r needs -s");
    expect_refused("sched-credit2 -d guest -w 0",
                   "the weight is 0; expected 1 to 65535");
    expect_refused("sched-credit2 -d guest -c 201",
                   "the cap is 201; expected 0 to 200");
    expect_refused("sched-credit2 -d guest -c x", "'x' is not a number");
    expect_refused("sched-credit2 -d nobody", "domain 'nobody' does not exist");
    expect_refused("sched-credit2 -p other", "CPU pool 'other' does not exist");
    expect_refused("sched-credit2 -s -p other -r 200",
                   "CPU pool 'other' does not exist");
    expect_refused("sched-credit2 -s -r 99",
                   "the rate limit is 99; expected 0, or 100 to 500000 "
                   "microseconds");
    EXPECT(xl_run("sched-credit2 guest") == XL_USAGE);
}

/* Whichever call fails, it is said and nothing is lost. */
static void test_failing_calls(void)
{
    static const char *const lines[] = {
        "sched-credit2", "sched-credit2 -d guest -w 300", "sched-credit2 -s",
        "sched-credit2 -s -r 200"};

    for (unsigned int n = 1; n < 40; n++) {
        fresh();
        host.fail_at = n / 4 + 1;
        if (xl_run(lines[n % 4]) != XL_OK) {
            EXPECT(xl_messages[0]);
        }
        EXPECT(host.buffers == 0);
    }
}

static const struct check checks[] = {
    {"sched: show", test_show},
    {"sched: change", test_change},
    {"sched: refuse", test_refuse},
    {"sched: failing calls", test_failing_calls},
};

CHECK_MAIN(checks)
