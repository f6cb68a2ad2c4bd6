/* SPDX-License-Identifier: MIT */
/* vcpu-list, vcpu-set and vcpu-pin on a host of four CPUs. */
#include "check.h"
#include "fake_host.h"
#include "xl/cmdtable.h"
#include "xl_run.h"

static void fresh(void)
{
    fake_host_reset();
    fake_host_guest();
}

static void test_list(void)
{
    fresh();
    EXPECT(xl_run("vcpu-list guest") == XL_OK);
    EXPECT_TEXT(xl_output,
                "Name                                ID  VCPU   CPU State   "
                "Time(s) Affinity (Hard / Soft)\n"
                "guest                                7     0    3   -b-       "
                "1.5  all / all\n"
                "guest                                7     1    -   --p       "
                "1.5  all / all\n");
    EXPECT(xl_run("vcpu-list") == XL_OK);
    EXPECT(strstr(xl_output, "Domain-0"));
    EXPECT(xl_run("vcpu-list nobody") == XL_FAILED);
    EXPECT_TEXT(xl_messages, "xl: domain 'nobody' does not exist\n");
    EXPECT(host.buffers == 0);
}

static void test_pin(void)
{
    fresh();
    EXPECT(xl_run("vcpu-pin guest 1 0-2,^1") == XL_OK);
    EXPECT(host.hard[1] == 5 && host.soft[1] == 0xff);
    EXPECT(host.hard[0] == 0xff);
    EXPECT(xl_run("vcpu-pin guest all - 3") == XL_OK);
    EXPECT(host.hard[1] == 5 && host.soft[0] == 8 && host.soft[1] == 8);
    EXPECT(xl_run("vcpu-pin -f guest 0 node:0 all") == XL_OK);
    EXPECT(host.hard[0] == 15 && host.soft[0] == 15 && host.forced);
    EXPECT(xl_run("vcpu-list guest") == XL_OK);
    EXPECT(strstr(xl_output, "  all / all\n"));
    EXPECT(strstr(xl_output, "  0,2 / 3\n"));
}

static void expect_refused(const char *line, const char *why)
{
    char message[200];

    EXPECT(xl_run(line) == XL_FAILED);
    snprintf(message, sizeof(message), "xl: %s\n", why);
    EXPECT_TEXT(xl_messages, message);
    for (int i = 0; i < FAKE_VCPUS; i++) {
        EXPECT(host.hard[i] == 0xff && host.soft[i] == 0xff);
    }
    EXPECT(host.buffers == 0);
}

static void test_pin_wrongly(void)
{
    fresh();
    expect_refused("vcpu-pin guest 0 4",
                   "CPUs '4': there is no CPU 4; this host has 0 to 3");
    expect_refused("vcpu-pin guest 0 0 x",
                   "CPUs 'x': found 'x'; expected a number");
    expect_refused("vcpu-pin guest one 0", "'one' is not a number");
    expect_refused("vcpu-pin guest -- -1 0", "'-1' is not a number");
    expect_refused("vcpu-pin guest 2 0",
                   "there is no vCPU 2 in 'guest'; it has 0 to 1");
    expect_refused("vcpu-pin -f guest all 0", "-f is for one vCPU at a time");
    EXPECT(xl_run("vcpu-pin guest 0") == XL_USAGE);
}

static void test_set(void)
{
    fresh();
    EXPECT(xl_run("vcpu-set -i guest 1") == XL_OK);
    EXPECT_TEXT(fake_store_read("/local/domain/7/cpu/0/availability"),
                "online");
    EXPECT_TEXT(fake_store_read("/local/domain/7/cpu/1/availability"),
                "offline");
    EXPECT(xl_run("vcpu-set guest 3") == XL_FAILED);
    EXPECT(xl_run("vcpu-set guest 0") == XL_FAILED);
    EXPECT(xl_run("vcpu-set guest 99999999999") == XL_FAILED);
    EXPECT_TEXT(fake_store_read("/local/domain/7/cpu/1/availability"),
                "offline");
}

/* Whichever call fails, it is said and nothing is lost. */
static void test_failing_calls(void)
{
    for (unsigned int n = 1; n < 8; n++) {
        fresh();
        host.fail_at = n;
        if (xl_run("vcpu-pin guest all 0 1") != XL_OK) {
            EXPECT(xl_messages[0]);
        } else {
            EXPECT(host.calls < n);
        }
        EXPECT(host.buffers == 0);
    }
}

static const struct check checks[] = {
    {"vcpu: list", test_list},
    {"vcpu: pin", test_pin},
    {"vcpu: pin wrongly", test_pin_wrongly},
    {"vcpu: set", test_set},
    {"vcpu: failing calls", test_failing_calls},
};

CHECK_MAIN(checks)
