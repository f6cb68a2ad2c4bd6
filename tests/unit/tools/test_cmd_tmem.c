/* SPDX-License-Identifier: MIT */
/* tmem-*: what is asked of the hypervisor, and how its text is told. */

#include "check.h"
#include "fake_host.h"
#include "public/podium.h"
#include "xl/cmdtable.h"
#include "xl_run.h"

#define UUID "00112233-4455-6677-8899-aabbccddeeff"

static const char text[] =
    "G=Tt:100,Te:3,Cf:1,Et:7,Zz:99\n"
    "S=SI:0,PT:ES,U0:7766554433221100,U1:ffeeddccbbaa9988,SC:7,SC:9,Pc:5\n"
    "C=CI:7,ww:10,ca:0,co:1,fr:0,Tc:12345,Ge:2,Pp:3,Gp:4\n"
    "P=CI:7,PI:1,PT:PP,U0:0,U1:0,Pc:3,ps:20,pt:21\n"
    "P=CI:7,PI:2,PT:EP,U0:0,U1:0,Pc:8\n"
    "C=CI:9,ww:0,fr:1\n"
    "Q=AA:1\n"
    "T=Gn:2,Gt:30,Gx:20,Gm:10,Pn:0,Pt:0,Px:0,Pm:0\n";

static void fresh(bool podium)
{
    fake_host_reset();
    fake_host_guest();
    host.podium = podium;
    host.tmem_text = text;
}

static void test_list(void)
{
    fresh(true);
    EXPECT(xl_run("tmem-list -a") == XL_OK);
    EXPECT_TEXT(xl_output, text);
    EXPECT(host.tmem.client == PODIUM_TMEM_ALL && !host.tmem.arg);
    EXPECT(xl_run("tmem-list -l guest") == XL_OK);
    EXPECT(host.tmem.client == FAKE_DOMID && host.tmem.arg);
    EXPECT(xl_run("tmem-list") == XL_USAGE);
    EXPECT(xl_run("tmem-list -a guest") == XL_USAGE);
    EXPECT(xl_run("tmem-list nobody") == XL_FAILED);
    EXPECT(xl_run("tmem-list 0") == XL_FAILED);
    EXPECT(strstr(xl_messages, "the domain has no transcendent memory"));
    EXPECT(host.buffers == 0);
}

/* More than fits at first is asked for again, with more room. */
static void test_long_list(void)
{
    static char many[100000];

    fresh(true);
    memset(many, 'x', sizeof(many) - 2);
    many[sizeof(many) - 2] = '\n';
    host.tmem_text = many;
    EXPECT(xl_run("tmem-list -r -a") == XL_OK);
    EXPECT(host.tmem.length == 131072);
    EXPECT_TEXT(xl_output, "");
    EXPECT(host.buffers == 0);
}

static void test_readable(void)
{
    fresh(true);
    EXPECT(xl_run("tmem-list -r -a") == XL_OK);
    EXPECT(strstr(xl_output, "Host\n  operations "));
    EXPECT(strstr(xl_output, "Shared pool " UUID "\n"));
    EXPECT(strstr(xl_output, "  shared by domain "));
    EXPECT(strstr(xl_output, "Domain 7\n  weight "));
    EXPECT(strstr(xl_output, "Pool 1 of domain 7, persistent\n"));
    EXPECT(strstr(xl_output, "Pool 2 of domain 7, ephemeral\n"));
    EXPECT(strstr(xl_output, "        2        15        20        10\n"));
    EXPECT(!strstr(xl_output, "99\n")); /* a tag that nobody knows */
}

static void test_json(void)
{
    fresh(true);
    EXPECT(xl_run("tmem-list --json -a") == XL_OK);
    EXPECT(strstr(xl_output, "{\n"
                             "    \"host\": {\n"
                             "        \"operations\": 100,\n"
                             "        \"errors\": 3,\n"
                             "        \"failed_copies\": 1,\n"
                             "        \"evicted\": 7\n"
                             "    },\n"));
    EXPECT(strstr(xl_output, "\"uuid\": \"" UUID "\",\n"));
    EXPECT(strstr(xl_output, "\"domids\": [\n"
                             "                7,\n"
                             "                9\n"
                             "            ]\n"));
    EXPECT(strstr(xl_output, "            \"domid\": 9,\n"
                             "            \"weight\": 0,\n"
                             "            \"frozen\": 1,\n"
                             "            \"pools\": []\n"));
    EXPECT(strstr(xl_output, "\"puts_stored\": 20,\n"));
    EXPECT(strstr(xl_output, "\"get_found\": {\n"
                             "            \"calls\": 2,\n"));
}

static void test_freeze(void)
{
    fresh(true);
    EXPECT(xl_run("tmem-freeze -a") == XL_OK);
    EXPECT(host.tmem.command == PODIUM_TMEM_FREEZE);
    EXPECT(host.tmem.client == PODIUM_TMEM_ALL);
    EXPECT(xl_run("tmem-thaw guest") == XL_OK);
    EXPECT(host.tmem.command == PODIUM_TMEM_THAW);
    EXPECT(host.tmem.client == FAKE_DOMID);
    EXPECT(xl_run("tmem-thaw") == XL_USAGE);
    EXPECT(xl_run("tmem-freeze guest guest") == XL_USAGE);
    host.no_tmem = true;
    EXPECT(xl_run("tmem-freeze guest") == XL_FAILED);
    EXPECT(strstr(xl_messages, "was told to have no transcendent memory"));
    fresh(false);
    EXPECT(xl_run("tmem-freeze guest") == XL_FAILED);
    EXPECT(strstr(xl_messages, "this hypervisor has no transcendent memory"));
}

/* What is not named stays as it is. */
static void test_set(void)
{
    fresh(true);
    host.tmem_client = (struct podium_tmem_client){
        .version = 1, .flags = PODIUM_TMEM_CLIENT_frozen, .weight = 5};
    host.tmem_limits.persistent_kib = 400;
    EXPECT(xl_run("tmem-set guest -p 1") == XL_OK);
    EXPECT(host.tmem_client.weight == 5);
    EXPECT(host.tmem_client.flags ==
           (PODIUM_TMEM_CLIENT_frozen | PODIUM_TMEM_CLIENT_compress));
    EXPECT(xl_run("tmem-set guest -w 7 -c 2048") == XL_OK);
    EXPECT(host.tmem_client.weight == 7);
    EXPECT(host.tmem_client.flags & PODIUM_TMEM_CLIENT_compress);
    EXPECT(host.tmem_limits.ephemeral_kib == 2048);
    EXPECT(host.tmem_limits.persistent_kib == 400);
    EXPECT(xl_run("tmem-set -a -P 0 -p 0") == XL_OK); /* of who uses it */
    EXPECT(host.tmem_limits.persistent_kib == 0);
    EXPECT(!(host.tmem_client.flags & PODIUM_TMEM_CLIENT_compress));
    EXPECT(host.buffers == 0);
}

static void test_set_wrongly(void)
{
    fresh(true);
    EXPECT(xl_run("tmem-set guest") == XL_USAGE);
    EXPECT(xl_run("tmem-set -w 1") == XL_USAGE);
    EXPECT(xl_run("tmem-set guest -w many") == XL_USAGE);
    EXPECT(xl_run("tmem-set guest -w -1") == XL_USAGE);
    EXPECT(xl_run("tmem-set guest -w 4294967296") == XL_USAGE);
    EXPECT(xl_run("tmem-set guest -p 2") == XL_USAGE);
    EXPECT(xl_run("tmem-set guest -c 99999999999999999999") == XL_USAGE);
    EXPECT(!host.tmem.command && !host.tmem.client);
    EXPECT(xl_run("tmem-set 0 -w 1") == XL_FAILED);
}

static void test_shared_auth(void)
{
    fresh(true);
    EXPECT(xl_run("tmem-shared-auth guest -u " UUID " -A 1") == XL_OK);
    EXPECT(host.tmem.command == PODIUM_TMEM_SET_AUTH && host.tmem.arg == 1);
    EXPECT(host.tmem.client == FAKE_DOMID);
    EXPECT(host.tmem.oid[0] == 0x7766554433221100);
    EXPECT(host.tmem.oid[1] == 0xffeeddccbbaa9988);
    EXPECT_TEXT(xl_output, "guest may join the shared pool " UUID "\n");
    EXPECT(xl_run("tmem-shared-auth -a -u " UUID " -A 0") == XL_OK);
    EXPECT(host.tmem.client == PODIUM_TMEM_ALL && host.tmem.arg == 0);
    EXPECT_TEXT(xl_output,
                "all domains may not join the shared pool " UUID "\n");
    EXPECT(xl_run("tmem-shared-auth guest -u " UUID) == XL_USAGE);
    EXPECT(xl_run("tmem-shared-auth guest -A 1") == XL_USAGE);
    EXPECT(xl_run("tmem-shared-auth guest -A 2 -u " UUID) == XL_USAGE);
    EXPECT(xl_run("tmem-shared-auth guest -A 1 -u 0011") == XL_USAGE);
}

static void test_freeable(void)
{
    fresh(true);
    host.tmem_freeable = 12;
    host.free_pages = 100 << 8;
    host.claimed = 30 << 8;
    EXPECT(xl_run("tmem-freeable") == XL_OK);
    EXPECT_TEXT(xl_output, "12\n");
    EXPECT(xl_run("info") == XL_OK);
    EXPECT(strstr(xl_output, "free_memory            : 70\n"
                             "freeable_memory        : 12\n"));
    EXPECT(xl_run("claims") == XL_OK);
    EXPECT(strstr(xl_output, "Host (MiB): 100 free, 12 freeable, 30 claimed"));
    fresh(false);
    EXPECT(xl_run("tmem-freeable") == XL_OK);
    EXPECT_TEXT(xl_output, "0\n");
}

static const struct check checks[] = {
    {"tmem: list", test_list},
    {"tmem: a list longer than expected", test_long_list},
    {"tmem: list in words", test_readable},
    {"tmem: list as JSON", test_json},
    {"tmem: freeze and thaw", test_freeze},
    {"tmem: set", test_set},
    {"tmem: set wrongly", test_set_wrongly},
    {"tmem: who may share", test_shared_auth},
    {"tmem: freeable memory", test_freeable},
};

CHECK_MAIN(checks)
