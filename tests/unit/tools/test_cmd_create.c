/* SPDX-License-Identifier: MIT */
/* The create command as a whole: what it makes, warns of, and refuses. */
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "fake_host.h"
#include "kernels.h"
#include "xl/cmdtable.h"
#include "xl/configkey.h"
#include "xl/hostcfg.h"
#include "xl/room.h"
#include "xl_run.h"

static char kernel_path[] = "/tmp/test_cmd_create.XXXXXX";
static char config_path[] = "/tmp/test_cmd_create_cfg.XXXXXX";

static void write_file(char *path, const void *data, size_t size)
{
    int fd = mkstemp(path);

    EXPECT(write(fd, data, size) == (ssize_t)size);
    close(fd);
}

static void prepare(void)
{
    static bool done;
    struct kernel64 k;

    fake_host_reset();
    if (!done) {
        done = true;
        kernel64_make(&k);
        write_file(kernel_path, &k, sizeof(k));
        close(mkstemp(config_path));
    }
}

/* "create -e -p" with a good configuration and what is added to it. */
static int create(const char *more)
{
    char line[1000];

    prepare();
    snprintf(line, sizeof(line),
             "create -e -p name=one kernel=%s memory=64 maxvcpus=2%s%s",
             kernel_path, *more ? " " : "", more);
    return xl_run(line);
}

/* The same from a file, of which these are the last lines. */
static int create_file(const char *more)
{
    char line[200];
    FILE *f;

    prepare();
    f = fopen(config_path, "w");
    fprintf(f, "name='one'\nkernel='%s'\nmemory=64;maxvcpus=2\n%s", kernel_path,
            more);
    fclose(f);
    snprintf(line, sizeof(line), "create -e -p -q -f %s", config_path);
    return xl_run(line);
}

static void expect_nothing_left(void)
{
    EXPECT(!host.exists && host.claim == 0 && host.buffers == 0);
    EXPECT(host.free_pages == FAKE_TOTAL);
}

static void test_good(void)
{
    EXPECT(create("") == XL_OK);
    EXPECT(host.exists && host.introduced);
    EXPECT_TEXT(xl_messages, "");
    EXPECT_TEXT(fake_store_read("/local/domain/7/name"), "one");
    EXPECT(host.hard[0] == 0xff && host.hard[1] == 0xff);
    EXPECT(create("cpus=0-2,^1 tsc_mode=native") == XL_OK);
    EXPECT(host.hard[0] == 5 && host.hard[1] == 5 && host.soft[0] == 0xff);
    EXPECT(create_file("cpus=[\"3\",\n'0-1' ]\ncpus_soft='node:0'") == XL_OK);
    EXPECT(host.hard[0] == 8 && host.hard[1] == 3 && host.soft[1] == 15);
    EXPECT(create_file("cpus=[2]") == XL_OK);
    EXPECT(host.hard[0] == 4 && host.hard[1] == 0xff);
}

/* Said before the guest runs; not where nobody knows it. */
static void test_scrub_pattern(void)
{
    char line[300];

    EXPECT(create("scrub_pattern=0xaa") == XL_FAILED);
    EXPECT(strstr(xl_messages, "does not know scrub_pattern"));
    expect_nothing_left();
    host.podium = true;
    snprintf(line, sizeof(line),
             "create -e -p name=one kernel=%s memory=64 "
             "scrub_pattern=0xaaaaaaaaaaaaaaaa",
             kernel_path);
    EXPECT(xl_run(line) == XL_OK);
    EXPECT(host.scrub_pattern == 0xaaaaaaaaaaaaaaaaul);
    EXPECT(create("") == XL_OK);
    EXPECT(host.scrub_pattern == 0);
}

static void test_warnings(void)
{
    char expected[300];

    EXPECT(create_file("seclabel='x:y'\nfrobnicate=1\nvif=[]\nvnc=1") == XL_OK);
    snprintf(expected, sizeof(expected),
             "xl: warning: %s:4: seclabel is ignored: there are no security "
             "policies here\n"
             "xl: warning: %s:5: key 'frobnicate' is unknown and ignored\n"
             "xl: warning: %s:7: key 'vnc' is not supported and ignored\n",
             config_path, config_path, config_path);
    EXPECT_TEXT(xl_messages, expected);
    EXPECT(create_file("cpus=[0,1,2]") == XL_OK);
    EXPECT(strstr(xl_messages, ":4: cpus has 3 items for 2 virtual CPUs\n"));
}

static void test_refused(void)
{
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"cpus='9'", ":4: cpus is '9': there is no CPU 9; this host has 0 "
                     "to 3\n"},
        {"\ncpus='0,^0'", ":5: cpus is '0,^0': no CPU is left\n"},
        {"cpus_soft='node:4'", ":4: cpus_soft is 'node:4': there is no CPU in "
                               "node 4\n"},
        {"memory=1;maxmem='x'", ":4: maxmem is 'x'; expected a number\n"},
        {"tsc_mode='fast'", ":4: tsc_mode is 'fast'; expected 'default', "
                            "'always_emulate', 'native' or "
                            "'native_paravirt'\n"},
        {"vcpus=[1]", ":4: vcpus is a list; expected a number\n"},
        {"vcpus=\n2", ":4: found the end of the line; expected a number, a "
                      "quoted string or a list\n"},
        {"cpus=[0,\n1", ":5: found the end of the text; expected ',' or ']' "
                        "in a list\n"},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char expected[300];

        EXPECT(create_file(wrong[i].text) == XL_FAILED);
        snprintf(expected, sizeof(expected), "xl: %s%s", config_path,
                 wrong[i].why);
        EXPECT_TEXT(xl_messages, expected);
        expect_nothing_left();
    }
}

/* Whichever call fails, nothing of the guest is left. */
static void test_failing_calls(void)
{
    unsigned int n = 0;
    int status;

    do {
        char line[300];

        prepare();
        snprintf(line, sizeof(line),
                 "create -e -p name=one kernel=%s memory=64 vcpus=2 cpus=0-1 "
                 "tsc_mode=native",
                 kernel_path);
        host.fail_at = ++n;
        status = xl_run(line);
        if (status != XL_OK) {
            EXPECT(strstr(xl_messages, "xl: "));
            expect_nothing_left();
        }
    } while (host.calls >= n && n < 200);
    EXPECT(status == XL_OK && n > 10);
}

/* ---- the host's configuration ------------------------------------------ */

static char host_path[] = "/tmp/test_cmd_create_conf.XXXXXX";

/* The host has 10 MiB free, domain 0 has so many and keeps `stays`. */
static int create_beside(uint64_t dom0_mib, uint64_t stays_mib,
                         const char *conf, const char *commandline)
{
    char line[200];
    FILE *f;

    prepare();
    host.dom0_pages = dom0_mib * 256;
    host.dom0_stays_above = stays_mib * 256;
    if (strchr(host_path, 'X')) {
        close(mkstemp(host_path));
    }
    f = fopen(host_path, "w");
    fputs(conf, f);
    fclose(f);
    host_config_path = host_path;
    room_patience_ms = 300;
    host.free_pages = 10 * 256;
    host.commandline = commandline;
    snprintf(line, sizeof(line), "create -e -p name=one kernel=%s memory=64",
             kernel_path);
    return xl_run(line);
}

static int create_with(const char *conf, const char *commandline)
{
    return create_beside(512, 0, conf, commandline);
}

static void test_dom0_gives_way(void)
{
    EXPECT(create_with("autoballoon='on'", "dom0_mem=512M") == XL_OK);
    EXPECT(host.exists && host.dom0_pages < 512 * 256);
    EXPECT_TEXT(xl_messages, "");
    EXPECT(create_with("", "loglvl=all") == XL_OK);
    EXPECT(create_with("autoballoon=\"auto\"", "") == XL_OK);
}

static void test_dom0_stays(void)
{
    EXPECT(create_with("", "dom0_mem=512M") == XL_FAILED);
    EXPECT(strstr(xl_messages, "the host has not enough free memory"));
    EXPECT(host.dom0_pages == 512 * 256 && !host.exists);
    EXPECT(create_with("autoballoon='off'", "") == XL_FAILED);
    EXPECT(host.dom0_pages == 512 * 256 && !host.exists);
}

/* It follows a little, then no more: it has its target back. */
static void test_dom0_does_not_follow(void)
{
    EXPECT(create_beside(512, 500, "autoballoon='on'", "") == XL_FAILED);
    EXPECT_TEXT(xl_messages,
                "xl: the host has not enough free memory, and domain 0 did "
                "not give the 59 MiB that are missing\n");
    EXPECT(host.store_target == 512 * 1024 && !host.exists);
}

static void test_dom0_is_too_small(void)
{
    EXPECT(create_beside(150, 0, "autoballoon='on'", "") == XL_FAILED);
    EXPECT_TEXT(xl_messages,
                "xl: the host has not enough free memory: 59 MiB are missing, "
                "and domain 0 has 150 MiB and cannot give them\n");
    EXPECT(host.dom0_pages == 150 * 256 && !host.exists);
}

static void test_without_claim(void)
{
    EXPECT(create_with("claim_mode=0\nautoballoon='on'", "") == XL_OK);
    EXPECT(!host.claimed_ever);
    EXPECT(create_with("claim_mode=1\nautoballoon='on'", "") == XL_OK);
    EXPECT(host.claimed_ever);
}

/* xl.conf's counts where the guest says nothing. */
static void test_policies(void)
{
    char line[200];

    EXPECT(create_with("autoballoon='on'\npod_on_empty='crash'\npod_borrow=9",
                       "") == XL_OK);
    prepare();
    host.podium = true;
    snprintf(line, sizeof(line),
             "create -e -p name=one kernel=%s memory=64 maxmem=128",
             kernel_path);
    EXPECT(xl_run(line) == XL_OK);
    EXPECT(host.policy.on_empty == PODIUM_ON_EMPTY_CRASH);
    prepare();
    host.podium = true;
    strcat(line, " pod_on_empty=borrow");
    EXPECT(xl_run(line) == XL_OK);
    EXPECT(host.policy.on_empty == PODIUM_ON_EMPTY_BORROW);
    EXPECT(host.policy.borrow_limit == 9 * 256);
    prepare();
    host.podium = true;
    strcat(line, " pod_borrow=3");
    EXPECT(xl_run(line) == XL_OK);
    EXPECT(host.policy.borrow_limit == 3 * 256);
}

static void test_host_refuses(void)
{
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"autoballoon='maybe'", ":1: autoballoon is 'maybe'; expected 'on', "
                                "'off' or 'auto'\n"},
        {"\nclaim_mode='yes'", ":2: claim_mode is 'yes'; expected a number\n"},
        {"lockfile=[]", ":1: lockfile is a list; expected a quoted string\n"},
        {"pod_on_empty='die'", ":1: pod_on_empty is 'die'; expected 'wait', "
                               "'borrow' or 'crash'\n"},
        {"output_format='sxp'", ":1: output_format is 'sxp'; expected "
                                "'json'\n"},
        {"lockfile", ":1: found the end of the text; expected '=' after a "
                     "key\n"},
    };
    char expected[300];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        EXPECT(create_with(wrong[i].text, "") == XL_FAILED);
        snprintf(expected, sizeof(expected), "xl: %s%s", host_path,
                 wrong[i].why);
        EXPECT_TEXT(xl_messages, expected);
        EXPECT(!host.exists);
    }
    EXPECT(create_with("vif.default.bridge=\"b\"\nfoo=1\n"
                       "run_hotplug_scripts=1\nautoballoon=1",
                       "") == XL_OK);
    snprintf(expected, sizeof(expected),
             "xl: warning: %s:1: key 'vif.default.bridge' is not supported "
             "and ignored\n"
             "xl: warning: %s:2: key 'foo' is unknown and ignored\n",
             host_path, host_path);
    EXPECT_TEXT(xl_messages, expected);
}

/* As test_guestcfg.c does for a guest's keys. */
static void test_keys_of_the_table(void)
{
    for (size_t i = 0; i < host_keys.count; i++) {
        const struct config_key *key = &host_keys.keys[i];
        bool on = !strcmp(key->name, "autoballoon");
        char text[100];

        snprintf(text, sizeof(text), "%s%s=[[1]]",
                 on ? "" : "autoballoon='on'\n", key->name);
        EXPECT((create_with(text, "") == XL_FAILED) == (key->use == KEY_READ));
    }
}

static void test_lockfile(void)
{
    char lock[] = "/tmp/test_lock.XXXXXX", conf[200];

    close(mkstemp(lock));
    unlink(lock);
    snprintf(conf, sizeof(conf), "lockfile='%s'\nautoballoon='on'", lock);
    EXPECT(create_with(conf, "") == XL_OK);
    EXPECT(!access(lock, F_OK));
    unlink(lock);
    /* Without a lock it goes on. */
    EXPECT(create_with("lockfile='/no/such/place'\nautoballoon='on'", "") ==
           XL_OK);
}

static void test_dry_run(void)
{
    char line[300];

    prepare();
    snprintf(line, sizeof(line),
             "create -n -q name=one kernel=%s memory=64 cpus=77", kernel_path);
    EXPECT(xl_run(line) == XL_OK);
    EXPECT(strstr(xl_output, "name = \"one\"\n"));
    EXPECT(strstr(xl_output, "cpus = \"77\"\n"));
    expect_nothing_left();
    unlink(host_path);
    unlink(kernel_path);
    unlink(config_path);
}

static const struct check checks[] = {
    {"create: good", test_good},
    {"create: scrub pattern", test_scrub_pattern},
    {"create: warnings", test_warnings},
    {"create: refused", test_refused},
    {"create: failing calls", test_failing_calls},
    {"create: domain 0 gives way", test_dom0_gives_way},
    {"create: domain 0 stays", test_dom0_stays},
    {"create: domain 0 does not follow", test_dom0_does_not_follow},
    {"create: domain 0 is too small", test_dom0_is_too_small},
    {"create: without a claim", test_without_claim},
    {"create: guests without memory", test_policies},
    {"create: xl.conf is wrong", test_host_refuses},
    {"create: keys of xl.conf's table", test_keys_of_the_table},
    {"create: lock file", test_lockfile},
    {"create: dry run", test_dry_run},
};

CHECK_MAIN(checks)
