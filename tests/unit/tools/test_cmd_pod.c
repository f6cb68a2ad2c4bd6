/* SPDX-License-Identifier: MIT */
/* pod and trace: what only our own hypervisor tells. */

#include "check.h"
#include "fake_host.h"
#include "public/podium.h"
#include "xl/cmdtable.h"
#include "xl_run.h"

static void fresh(bool podium)
{
    fake_host_reset();
    fake_host_guest();
    host.podium = podium;
    host.total = 30000;
    host.cache = 1000;
    host.entries = 4000;
    host.store_target = 131072;
    host.store_max = 262144;
}

static void test_table(void)
{
    fresh(true);
    EXPECT(xl_run("pod") == XL_OK);
    EXPECT(strstr(xl_output, "Name"));
    EXPECT(strstr(xl_output, "guest"));
    EXPECT(!strstr(xl_output, "Domain-0"));
    /* 90 pages of 4 KiB and 100 of 2 MiB. */
    EXPECT(
        strstr(xl_output, " 205160             0              0        0\n"));
    fresh(false);
    EXPECT(xl_run("pod guest") == XL_OK);
    EXPECT(strstr(xl_output, " -\n"));
}

static void test_long(void)
{
    fresh(true);
    EXPECT(xl_run("pod -l guest") == XL_OK);
    EXPECT(strstr(xl_output, "\"name\": \"guest\""));
    EXPECT(strstr(xl_output, "\"max_memkb\": 262144"));
    EXPECT(strstr(xl_output, "\"deficit_memkb\": 12000"));
    EXPECT(strstr(xl_output, "\"waiting_vcpus\": 0"));
    EXPECT(strstr(xl_output, "\"populate_4k\": 0"));
    EXPECT(strstr(xl_output, "\"steals\": 120"));
    EXPECT(strstr(xl_output, "\"zero_upgrades\": 240"));
    EXPECT(host.buffers == 0);
    fresh(false);
    EXPECT(xl_run("pod --long guest") == XL_OK);
    EXPECT(strstr(xl_output, "\"counters\": null"));
}

static void test_audit(void)
{
    fresh(true);
    EXPECT(xl_run("pod -a") == XL_OK);
    EXPECT_TEXT(xl_output, "the host and all domains: 0 differences\n");
    EXPECT(host.audited == 0x7ff0 + 1);
    host.differences = 1;
    EXPECT(xl_run("pod --audit guest") == XL_FAILED);
    EXPECT_TEXT(xl_output,
                "guest: 1 difference\n"
                "  I2: E and what placeholders cover, domain 7, mfn 0x123: "
                "found 3 (0x3), expected 17 (0x11)\n");
    EXPECT(host.audited == FAKE_DOMID + 1);
    host.differences = 2;
    EXPECT(xl_run("pod -a") == XL_FAILED);
    EXPECT(strstr(xl_output, "2 differences\n"));
    EXPECT(strstr(xl_output, "cover, mfn 0x123"));
    EXPECT(strstr(xl_output, "xl dmesg"));
    EXPECT(xl_run("pod -a nobody") == XL_FAILED);
    fresh(false);
    EXPECT(xl_run("pod -a") == XL_FAILED);
}

static void test_trace(void)
{
    fresh(true);
    EXPECT(xl_run("trace") == XL_OK);
    EXPECT_TEXT(xl_output,
                "     0.999999999 s  cpu 0   populate  domain 7 gfn 0x200 mfn "
                "0x1400 size 2048 KiB\n"
                "     1.000000000 s  cpu 0   hypercall domain 7 vcpu 1 number "
                "12 argument 0xabc result 0x0\n"
                "     1.000000009 s  cpu 1   p2m-write domain 7 gfn 0x200 mfn "
                "0x1400 size 2048 KiB type 3 table\n"
                "     1.000000010 s  cpu 1   hypercall domain 7 vcpu 1 number "
                "12 argument 0xabc result 0x0\n");
    EXPECT(host.buffers == 0);
    EXPECT(xl_run("trace --json") == XL_OK);
    EXPECT(strstr(xl_output, "[\n"
                             "    {\n"
                             "        \"time_ns\": 999999999,\n"
                             "        \"cpu\": 0,\n"
                             "        \"event\": \"populate\",\n"
                             "        \"domid\": 7,\n"
                             "        \"gfn\": 512,\n"
                             "        \"mfn\": 5120,\n"
                             "        \"size_kb\": 2048\n"
                             "    },\n"));
    fresh(false);
    EXPECT(xl_run("trace") == XL_FAILED);
    EXPECT(host.buffers == 0);
}

static void test_trace_writes(void)
{
    fresh(true);
    host.trace_mask = 7;
    EXPECT(xl_run("trace -w on") == XL_OK);
    EXPECT(host.trace_mask == (7 | 1u << PODIUM_TRACE_P2M_WRITE));
    EXPECT(xl_run("trace -w off") == XL_OK);
    EXPECT(host.trace_mask == 7);
    EXPECT(xl_run("trace -w maybe") == XL_USAGE);
    EXPECT(xl_run("trace guest") == XL_USAGE);
}

static void test_set(void)
{
    fresh(true);
    host.state.mode = PODIUM_POD_ON_DEMAND;
    host.state.borrow_limit = 512;
    EXPECT(xl_run("pod-set guest pod_on_empty=crash") == XL_OK);
    EXPECT(host.policy.domid == FAKE_DOMID);
    EXPECT(host.policy.on_empty == PODIUM_ON_EMPTY_CRASH);
    EXPECT(host.policy.mode == PODIUM_POD_ON_DEMAND); /* stays */
    EXPECT(host.policy.borrow_limit == 512);
    EXPECT(xl_run("pod-set 7 pod_on_empty=borrow pod_borrow=3") == XL_OK);
    EXPECT(host.policy.on_empty == PODIUM_ON_EMPTY_BORROW);
    EXPECT(host.policy.borrow_limit == 768);
    /* Only the limit: what it does stays. */
    host.state.on_empty = PODIUM_ON_EMPTY_BORROW;
    EXPECT(xl_run("pod-set guest pod_borrow=1") == XL_OK);
    EXPECT(host.policy.on_empty == PODIUM_ON_EMPTY_BORROW);
    EXPECT(host.policy.borrow_limit == 256);
    /* None was ever said: all that is promised and not given. */
    host.state.borrow_limit = 0;
    EXPECT(xl_run("pod-set guest pod_on_empty=borrow") == XL_OK);
    EXPECT(host.policy.borrow_limit == (262144 - 131072) / 4);
}

static void test_set_wrong(void)
{
    fresh(true);
    host.policy.domid = 0;
    EXPECT(xl_run("pod-set guest") == XL_USAGE);
    EXPECT(xl_run("pod-set guest pod_on_empty=panic") == XL_FAILED);
    EXPECT(strstr(xl_messages, "expected 'wait', 'borrow' or 'crash'"));
    EXPECT(xl_run("pod-set guest pod_borrow=0") == XL_FAILED);
    EXPECT(xl_run("pod-set guest pod_borrow") == XL_FAILED);
    EXPECT(xl_run("pod-set guest pod_borrow=1 memory=5") == XL_FAILED);
    EXPECT(strstr(xl_messages,
                  "found 'memory'; expected pod_on_empty or pod_borrow"));
    EXPECT(xl_run("pod-set nobody pod_borrow=1") == XL_FAILED);
    EXPECT(host.policy.domid == 0);
    fresh(false);
    EXPECT(xl_run("pod-set guest pod_on_empty=wait") == XL_FAILED);
    EXPECT(strstr(xl_messages, "ends every guest that lacks memory"));
}

static const struct check checks[] = {
    {"pod: table", test_table},
    {"pod: JSON with all counters", test_long},
    {"pod: audit", test_audit},
    {"pod-set: a policy", test_set},
    {"pod-set: what is none", test_set_wrong},
    {"trace: records by time", test_trace},
    {"trace: writes on and off", test_trace_writes},
};

CHECK_MAIN(checks)
