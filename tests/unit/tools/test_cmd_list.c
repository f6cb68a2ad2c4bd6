/* SPDX-License-Identifier: MIT */
/* The commands that list, to the column: scripts read them. */
#include <stdlib.h>

#include "check.h"
#include "fake_host.h"
#include "xl/cmdtable.h"
#include "xl/uptime.h"
#include "xl_run.h"

#define HEADING                                                                \
    "Name                                        ID   Mem VCPUs\tState"        \
    "\tTime(s)"
#define DOM0                                                                   \
    "Domain-0                                     0   512     2     r-----  "  \
    "    12.3"
#define GUEST                                                                  \
    "guest                                        7   128     1     -b----  "  \
    "     1.5"

static void fresh(void)
{
    fake_host_reset();
    fake_host_guest();
}

static void test_list(void)
{
    fresh();
    EXPECT(xl_run("list") == XL_OK);
    EXPECT_TEXT(xl_output, HEADING "\n" DOM0 "\n" GUEST "\n");
    EXPECT(xl_run("list guest") == XL_OK);
    EXPECT_TEXT(xl_output, HEADING "\n" GUEST "\n");
    EXPECT(xl_run("list -c -n 7") == XL_OK);
    EXPECT_TEXT(xl_output, HEADING "         Cpupool NODE Affinity\n" GUEST
                                   "           Pool-0         any node\n");
    EXPECT(xl_run("list -v 7") == XL_OK);
    EXPECT(strstr(xl_output, GUEST " ab000000-0000-0000-0000-000000000000"
                                   "        -                -\n"));
    EXPECT(xl_run("list -Z 7") == XL_OK);
    EXPECT_TEXT(xl_output,
                HEADING "   Security Label\n" GUEST "                -\n");
    EXPECT(xl_run("list guest 99") == XL_FAILED);
    EXPECT_TEXT(xl_output, "");
    EXPECT_TEXT(xl_messages, "xl: domain '99' does not exist\n");
}

static void test_long(void)
{
    fresh();
    host.store_target = 128 * 1024;
    host.store_max = 256 * 1024;
    fake_store_write("/vm/u/image/kernel", "/boot/k");
    fake_store_write("/vm/u/image/cmdline", "say \"hi\"");
    EXPECT(xl_run("list -l guest") == XL_OK);
    EXPECT_TEXT(xl_output, "[\n"
                           "    {\n"
                           "        \"domid\": 7,\n"
                           "        \"config\": {\n"
                           "            \"c_info\": {\n"
                           "                \"type\": \"pvh\",\n"
                           "                \"name\": \"guest\",\n"
                           "                \"uuid\": "
                           "\"ab000000-0000-0000-0000-000000000000\"\n"
                           "            },\n"
                           "            \"b_info\": {\n"
                           "                \"max_vcpus\": 2,\n"
                           "                \"avail_vcpus\": [\n"
                           "                    0\n"
                           "                ],\n"
                           "                \"max_memkb\": 262144,\n"
                           "                \"target_memkb\": 131072,\n"
                           "                \"kernel\": \"/boot/k\",\n"
                           "                \"cmdline\": \"say \\\"hi\\\"\"\n"
                           "            }\n"
                           "        },\n"
                           "        \"state\": {\n"
                           "            \"running\": false,\n"
                           "            \"blocked\": true,\n"
                           "            \"paused\": false,\n"
                           "            \"shutdown\": false,\n"
                           "            \"shutdown_reason\": null,\n"
                           "            \"dying\": false,\n"
                           "            \"online_vcpus\": 1,\n"
                           "            \"cpu_time_ns\": 1500000000,\n"
                           "            \"cpupool\": 0,\n"
                           "            \"current_memkb\": 131072,\n"
                           "            \"limit_memkb\": 262144,\n"
                           "            \"claimed_memkb\": 0,\n"
                           "            \"shared_memkb\": 0\n"
                           "        },\n"
                           "        \"pod\": {\n"
                           "            \"populated_memkb\": 131072,\n"
                           "            \"promised_memkb\": 0,\n"
                           "            \"cached_memkb\": 0,\n"
                           "            \"deficit_memkb\": 0,\n"
                           "            \"ballooned_memkb\": 131072\n"
                           "        }\n"
                           "    }\n"
                           "]\n");
    EXPECT(xl_run("list --long") == XL_OK);
    EXPECT(strstr(xl_output, "\"name\": \"Domain-0\""));
    EXPECT(xl_run("list -l nobody") == XL_FAILED);
    EXPECT_TEXT(xl_output, "");
}

/* A guest of 1 GiB with 128 MiB, of which two vCPUs wait. */
static void starving(void)
{
    fresh();
    host.podium = true;
    host.store_target = 128 * 1024;
    host.store_max = 1024 * 1024;
    host.entries = 1024 * 256 - host.total;
    host.state = (struct podium_pod_state){
        .domid = FAKE_DOMID,
        .on_empty = PODIUM_ON_EMPTY_BORROW,
        .waiting = 2,
        .waits = 5,
        .gfn = 0x12345,
        .total = host.total,
        .entries = host.entries,
        .deficit = host.entries,
        .borrowed = 256,
        .borrow_limit = 512,
        .target_next = host.total + 2,
        .target_all = 1024 * 256 + 11,
    };
}

static void test_waiting(void)
{
    starving();
    EXPECT(xl_run("list") == XL_OK);
    EXPECT(strstr(xl_output, DOM0 "\n"));
    EXPECT(strstr(xl_output, " 7   128     1     -m----       1.5\n"));
    EXPECT(xl_run("pod guest") == XL_OK);
    EXPECT_TEXT(
        xl_output,
        "Name   ID  Max(KiB)  Target(KiB)  Populated(KiB)  Promised(KiB)  "
        "Cached(KiB)  Deficit(KiB)  Ballooned(KiB)  Swept(KiB)  Claimed(KiB)  "
        "Borrowed(KiB)  Waiting\n"
        "guest   7   1048576       131072          131072         917504  "
        "          0        917504               0      205160             0  "
        "         1024        2\n"
        "guest: 2 vCPUs wait for memory: \"xl mem-set guest 128\" would let "
        "them go on, \"xl mem-set guest 1024\" would keep all promises "
        "(MiB)\n");
    host.state.waiting = 1;
    host.state.target_next = host.total + 257;
    EXPECT(xl_run("pod") == XL_OK);
    EXPECT(strstr(xl_output, "\nguest: 1 vCPU waits for memory: \"xl mem-set "
                             "guest 129\" would let it go on"));
    EXPECT(xl_run("list -l guest") == XL_OK);
    EXPECT(strstr(xl_output, "            \"ballooned_memkb\": 0,\n"
                             "            \"mode\": \"reserved\",\n"
                             "            \"claimed_memkb\": 0,\n"
                             "            \"on_empty\": \"borrow\",\n"
                             "            \"borrowed_memkb\": 1024,\n"
                             "            \"borrow_limit_memkb\": 2048,\n"
                             "            \"waiting_vcpus\": 1,\n"
                             "            \"waits\": 5,\n"
                             "            \"waits_at\": 305418240,\n"
                             "            \"next_target_memkb\": 131076,\n"
                             "            \"all_target_memkb\": 1047596\n"));
    EXPECT(host.buffers == 0);
}

/* Nobody waits, and elsewhere nobody can. */
static void test_not_waiting(void)
{
    starving();
    host.state.waiting = host.state.target_next = 0;
    EXPECT(xl_run("list guest") == XL_OK);
    EXPECT_TEXT(xl_output, HEADING "\n" GUEST "\n");
    EXPECT(xl_run("pod guest") == XL_OK);
    EXPECT(!strstr(xl_output, "mem-set"));
    host.podium = false;
    EXPECT(xl_run("pod guest") == XL_OK);
    EXPECT(strstr(xl_output, "  -              -        -\n"));
    EXPECT(host.wrong == 0);
}

static void test_claims(void)
{
    fresh();
    host.claimed = 100 * 256;
    EXPECT(xl_run("claims") == XL_OK);
    EXPECT(strstr(xl_output, HEADING "  Claimed\n" DOM0 "     0\n"));
    EXPECT(strstr(xl_output, "   228     1     -b----       1.5   100\n"));
}

static void test_sharing(void)
{
    fresh();
    EXPECT(xl_run("sharing") == XL_OK);
    EXPECT_TEXT(xl_output,
                "Name                                        ID   Mem Shared\n"
                "Domain-0                                     0   512      0\n"
                "guest                                        7   128      0"
                "\n");
}

static void test_pools(void)
{
    fresh();
    EXPECT(xl_run("cpupool-list") == XL_OK);
    EXPECT_TEXT(xl_output,
                "Name               CPUs   Sched     Active   Domain count\n"
                "Pool-0               4   credit2       y          2\n");
    EXPECT(xl_run("cpupool-list -c Pool-0") == XL_OK);
    EXPECT_TEXT(xl_output, "Name               CPU list\n"
                           "Pool-0             0,1,2,3\n");
    EXPECT(xl_run("cpupool-list Pool-7") == XL_FAILED);
    EXPECT_TEXT(xl_messages, "xl: CPU pool 'Pool-7' does not exist\n");
    EXPECT(xl_output[0] == '\0');
    fake_store_write("/local/pool/0/name", "first");
    EXPECT(xl_run("cpupool-list first") == XL_OK);
    EXPECT(strstr(xl_output, "\nfirst "));
    EXPECT(host.buffers == 0);
}

static void test_info(void)
{
    fresh();
    EXPECT(xl_run("info") == XL_OK);
    EXPECT(strstr(xl_output, "\nnr_cpus                : 4\n"));
    EXPECT(!strstr(xl_output, "cpu_topology"));
    EXPECT(xl_run("info -n") == XL_OK);
    EXPECT(strstr(xl_output, "cpu_topology           :\n"
                             "cpu:    core    socket     node\n"
                             "  0:       0        0        0\n"
                             "  1:       1        0        0\n"));
    EXPECT(strstr(xl_output, "numa_info              :\n"
                             "node:    memsize    memfree    distances\n"
                             "   0:      4096       3968      10\n"));
    EXPECT(host.buffers == 0);
}

static void test_uptimes(void)
{
    char text[UPTIME_TEXT_SIZE];

    uptime_format(0, false, text);
    EXPECT_TEXT(text, " 0:00:00");
    uptime_format(3661, false, text);
    EXPECT_TEXT(text, " 1:01:01");
    uptime_format(86400 + 86399, false, text);
    EXPECT_TEXT(text, "1 day, 23:59:59");
    uptime_format(13 * 86400 + 20763, false, text);
    EXPECT_TEXT(text, "13 days,  5:46:03");
    uptime_format(86400 + 86399, true, text);
    EXPECT_TEXT(text, "1 day, 23:59");
    uptime_format(UINT64_MAX, false, text);
    EXPECT(strlen(text) < UPTIME_TEXT_SIZE - 1);
}

static void test_uptime(void)
{
    fresh();
    fake_store_write("/vm/u/start_time", "99999999999.50");
    EXPECT(xl_run("uptime guest") == XL_OK);
    EXPECT_TEXT(xl_output, "Name                                ID Uptime\n"
                           "guest                                7  0:00:00\n");
    EXPECT(xl_run("uptime -s guest") == XL_OK);
    EXPECT(strstr(xl_output, " up  0:00, guest (7)\n"));
    fake_store_write("/vm/u/start_time", "soon");
    EXPECT(xl_run("uptime guest") == XL_OK);
    EXPECT(strstr(xl_output, "   7 -\n"));
    EXPECT(xl_run("uptime") == XL_OK);
    EXPECT(strstr(xl_output, "\nDomain-0 "));
}

static const struct check checks[] = {
    {"list: domains", test_list},
    {"list: as JSON", test_long},
    {"list: claims", test_claims},
    {"list: sharing", test_sharing},
    {"list: CPU pools", test_pools},
    {"list: the host", test_info},
    {"list: times as text", test_uptimes},
    {"list: uptime", test_uptime},
    {"list: a guest waits", test_waiting},
    {"list: none does", test_not_waiting},
};

CHECK_MAIN(checks)
