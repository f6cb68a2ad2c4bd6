/* SPDX-License-Identifier: MIT */
/* tools/xl/guestcfg.c: what a configuration says about a guest. */
#include "xl/guestcfg.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "xl/configkey.h"
#include "xl/uuid.h"

#define LEAST "name='g'\nkernel='/k'\nmemory=128\n"

static struct cfg cfg;
static struct guest guest;
static struct cfg_error err;

static int read_guest(const char *text)
{
    guest_free(&guest);
    cfg_free(&cfg);
    memset(&err, 0, sizeof(err));
    EXPECT(!cfg_parse_text(&cfg, "g.cfg", 1, text, CFG_QUOTED, &err));
    return guest_read(&guest, &cfg, &err);
}

static void forget(void)
{
    guest_free(&guest);
    cfg_free(&cfg);
}

static const char *message_of(const char *text)
{
    return read_guest(text) == -EINVAL ? err.text : "no error";
}

static void defaults(void)
{
    EXPECT(!read_guest(LEAST));
    EXPECT_TEXT(guest.config.name, "g");
    EXPECT_TEXT(guest.config.kernel, "/k");
    EXPECT(!guest.config.ramdisk && !guest.config.cmdline);
    EXPECT(guest.config.memory_kib == 128 * 1024);
    EXPECT(guest.config.max_kib == 128 * 1024);
    EXPECT(guest.config.vcpus == 1 && guest.config.max_vcpus == 1);
    EXPECT(guest_action_after(&guest, XC_SHUTDOWN_POWEROFF) == GUEST_DESTROY);
    EXPECT(guest_action_after(&guest, XC_SHUTDOWN_REBOOT) == GUEST_RESTART);
    EXPECT(guest_action_after(&guest, XC_SHUTDOWN_CRASH) == GUEST_DESTROY);
    EXPECT(guest_action_after(&guest, 99) == GUEST_DESTROY);
    forget();
}

static void everything(void)
{
    uint8_t uuid[XC_UUID_BYTES] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
                                   0xcd, 0xef, 0x01, 0x23, 0x45, 0x67,
                                   0x89, 0xab, 0xcd, 0xef};

    EXPECT(!read_guest(LEAST "type='pvh'\nramdisk='/r'\nmaxmem=1024\nvcpus=2\n"
                             "maxvcpus=4\non_crash='preserve'\n"
                             "on_poweroff='restart'\non_reboot='destroy'\n"
                             "uuid='01234567-89ab-cdef-0123-456789ABCDEF'\n"));
    EXPECT_TEXT(guest.config.ramdisk, "/r");
    EXPECT(guest.config.max_kib == 1024 * 1024);
    EXPECT(guest.config.vcpus == 2 && guest.config.max_vcpus == 4);
    EXPECT(!memcmp(guest.config.uuid, uuid, sizeof(uuid)));
    EXPECT(guest_action_after(&guest, XC_SHUTDOWN_POWEROFF) == GUEST_RESTART);
    EXPECT(guest_action_after(&guest, XC_SHUTDOWN_REBOOT) == GUEST_DESTROY);
    EXPECT(guest_action_after(&guest, XC_SHUTDOWN_CRASH) == GUEST_PRESERVE);
    EXPECT(guest_action_after(&guest, XC_SHUTDOWN_SUSPEND) == GUEST_PRESERVE);
    forget();
}

static void images(void)
{
    char expected[4200], *here = getcwd(NULL, 0);

    snprintf(expected, sizeof(expected), "%s/vmlinuz", here);
    free(here);
    EXPECT(!read_guest("name='g'\nkernel='vmlinuz'\nmemory=1\nramdisk=''"));
    EXPECT_TEXT(guest.config.kernel, expected);
    EXPECT(!guest.config.ramdisk);
    forget();
}

static void command_lines(void)
{
    EXPECT(!read_guest(LEAST "root='/dev/xvda ro'\nextra='quiet'"));
    EXPECT_TEXT(guest.config.cmdline, "root=/dev/xvda ro quiet");
    EXPECT(!read_guest(LEAST "root='/dev/xvda'"));
    EXPECT_TEXT(guest.config.cmdline, "root=/dev/xvda");
    EXPECT(!read_guest(LEAST "extra='quiet'"));
    EXPECT_TEXT(guest.config.cmdline, "quiet");
    EXPECT(!read_guest(LEAST "cmdline='all of it'"));
    EXPECT_TEXT(guest.config.cmdline, "all of it");
    forget();
}

static void required_keys(void)
{
    EXPECT_TEXT(message_of("kernel='/k'\nmemory=1"),
                "no 'name' in the configuration; expected name = \"...\"");
    EXPECT_TEXT(message_of("name='g'\nkernel=''\nmemory=1"),
                "no 'kernel' in the configuration; expected kernel = \"...\"");
    EXPECT_TEXT(message_of("name='g'\nkernel='/k'"),
                "no 'memory' in the configuration; expected memory = MIB");
    forget();
}

static void names(void)
{
    EXPECT(!read_guest("name='a-b_c.d+e:1'\nkernel='/k'\nmemory=1"));
    EXPECT_TEXT(message_of("\nname='a b'\nkernel='/k'\nmemory=1"),
                "g.cfg:2: name is 'a b'; expected letters, digits and - _ . + "
                ":, not digits alone");
    EXPECT(read_guest("name=12\nkernel='/k'\nmemory=1") == -EINVAL);
    forget();
}

static void memory_errors(void)
{
    EXPECT_TEXT(message_of(LEAST "maxmem=64"),
                "g.cfg:3: memory is 128 MiB and maxmem 64 MiB; expected "
                "memory to be no more than maxmem");
    EXPECT_TEXT(message_of(LEAST "maxmem=0"),
                "g.cfg:4: maxmem is 0; expected a number from 1 to 16777216");
    EXPECT_TEXT(message_of("name='g'\nkernel='/k'\nmemory='lots'"),
                "g.cfg:3: memory is 'lots'; expected a number");
    EXPECT(!read_guest("name='g'\nkernel='/k'\nmaxmem=64"));
    EXPECT(guest.config.memory_kib == 64 * 1024);
    forget();
}

static void other_errors(void)
{
    EXPECT_TEXT(message_of(LEAST "type='hvm'"),
                "g.cfg:4: type is 'hvm'; expected 'pvh', the only kind of "
                "guest that can run here");
    EXPECT_TEXT(message_of(LEAST "builder='generic'"),
                "g.cfg:4: builder is 'generic'; expected 'pvh', the only kind "
                "of guest that can run here");
    EXPECT_TEXT(message_of(LEAST "vcpus=0"),
                "g.cfg:4: vcpus is 0; expected a number from 1 to 127");
    EXPECT_TEXT(message_of(LEAST "vcpus=3\nmaxvcpus=2"),
                "g.cfg:5: maxvcpus is 2 and vcpus 3; expected vcpus to be no "
                "more than maxvcpus");
    EXPECT_TEXT(message_of(LEAST "on_crash='explode'"),
                "g.cfg:4: on_crash is 'explode'; expected 'destroy', "
                "'restart' or 'preserve'");
    EXPECT_TEXT(message_of(LEAST "uuid='12'"),
                "g.cfg:4: uuid is '12'; expected 32 hexadecimal digits as in "
                "01234567-89ab-cdef-0123-456789abcdef");
    forget();
}

static void how_much_they_run(void)
{
    EXPECT(!read_guest(LEAST));
    EXPECT(!guest.has_weight && !guest.has_cap);
    EXPECT(!read_guest(LEAST "maxvcpus=2\ncpu_weight=512\ncap=200"));
    EXPECT(guest.has_weight && guest.share.weight == 512);
    EXPECT(guest.has_cap && guest.share.cap == 200);
    EXPECT(strstr(message_of(LEAST "cpu_weight=0"), "g.cfg:4: cpu_weight"));
    EXPECT(strstr(message_of(LEAST "cpu_weight=65536"), "65535"));
    EXPECT(strstr(message_of(LEAST "cap=101"), "100"));
    forget();
}

static void where_vcpus_run(void)
{
    EXPECT(!read_guest(LEAST "cpus='0-3,^1'"));
    EXPECT_TEXT(guest.cpus->text, "0-3,^1");
    EXPECT(!guest.cpus_soft);
    EXPECT(!read_guest(LEAST "cpus=[1,\n\"2,node:0\"\n,]\ncpus_soft=3"));
    EXPECT(guest.cpus->item_count == 2 && guest.cpus_soft);
    EXPECT_TEXT(message_of(LEAST "cpus='one'"),
                "g.cfg:4: cpus is 'one': found 'one'; expected a number");
    EXPECT_TEXT(message_of(LEAST "cpus=[1,\n'2-1']"),
                "g.cfg:5: cpus is '2-1': 2-1 runs backwards");
    EXPECT_TEXT(message_of(LEAST "cpus_soft=[[1]]"),
                "g.cfg:4: cpus_soft has a list in a list; expected CPUs");
    EXPECT_TEXT(message_of(LEAST "cpus=''"),
                "g.cfg:4: cpus is '': a number is missing");
    forget();
}

static void scrub_patterns(void)
{
    EXPECT(!read_guest(LEAST));
    EXPECT(guest.config.scrub_pattern == 0);
    EXPECT(!read_guest(LEAST "scrub_pattern='0xaaaaaaaaaaaaaaaa'"));
    EXPECT(guest.config.scrub_pattern == 0xaaaaaaaaaaaaaaaaul);
    EXPECT(!read_guest(LEAST "scrub_pattern='0xDEAD'"));
    EXPECT(guest.config.scrub_pattern == 0xdead);
    EXPECT_TEXT(message_of(LEAST "scrub_pattern='aaaa'"),
                "g.cfg:4: scrub_pattern is 'aaaa'; expected 0x and up to 16 "
                "hex digits");
    EXPECT(read_guest(LEAST "scrub_pattern='0x11111111111111111'") == -EINVAL);
    EXPECT(read_guest(LEAST "scrub_pattern='0x-1'") == -EINVAL);
    EXPECT(read_guest(LEAST "scrub_pattern='0x1z'") == -EINVAL);
    EXPECT(read_guest(LEAST "scrub_pattern=[]") == -EINVAL);
    forget();
}

static void time_stamp_counters(void)
{
    EXPECT(!read_guest(LEAST));
    EXPECT(guest.config.tsc_mode == XC_TSC_DEFAULT);
    EXPECT(!read_guest(LEAST "tsc_mode='native'"));
    EXPECT(guest.config.tsc_mode == XC_TSC_NATIVE);
    EXPECT(!read_guest(LEAST "tsc_mode=1"));
    EXPECT(guest.config.tsc_mode == XC_TSC_ALWAYS_EMULATE);
    EXPECT_TEXT(message_of(LEAST "tsc_mode=4"),
                "g.cfg:4: tsc_mode is '4'; expected 'default', "
                "'always_emulate', 'native' or 'native_paravirt'");
    EXPECT_TEXT(message_of(LEAST "tsc_mode=[]"),
                "g.cfg:4: tsc_mode is a list; expected a quoted string");
    forget();
}

static void without_memory(void)
{
    EXPECT(!read_guest(LEAST));
    EXPECT(!guest.has_on_empty && !guest.has_borrow);
    EXPECT(!guest.config.on_demand);
    EXPECT(!read_guest(LEAST "pod_mode='on-demand'\npod_on_empty='borrow'\n"
                             "pod_borrow=77"));
    EXPECT(guest.config.on_demand);
    EXPECT(guest.has_on_empty && guest.has_borrow);
    EXPECT(guest.config.on_empty == XC_ON_EMPTY_BORROW);
    EXPECT(guest.config.borrow_kib == 77 * 1024);
    EXPECT(!read_guest(LEAST "pod_mode='reserved'\npod_on_empty='crash'"));
    EXPECT(guest.config.on_empty == XC_ON_EMPTY_CRASH);
    EXPECT(!guest.config.on_demand && !guest.has_borrow);
    EXPECT_TEXT(message_of(LEAST "pod_mode='lazy'"),
                "g.cfg:4: pod_mode is 'lazy'; expected 'reserved' or "
                "'on-demand'");
    EXPECT_TEXT(message_of(LEAST "pod_on_empty='die'"),
                "g.cfg:4: pod_on_empty is 'die'; expected 'wait', 'borrow' or "
                "'crash'");
    EXPECT(read_guest(LEAST "pod_borrow=0") == -EINVAL);
    EXPECT(read_guest(LEAST "pod_borrow='much'") == -EINVAL);
    forget();
}

static void labels(void)
{
    EXPECT(!read_guest(LEAST "seclabel='a:b'"));
    EXPECT_TEXT(message_of(LEAST "seclabel=['a']"),
                "g.cfg:4: seclabel is a list; expected a quoted string");
    forget();
}

/* The table that the manual is made from says which keys are read: each of
 * them must object to a list in a list. The others must not. */
static void keys_of_the_table(void)
{
    for (size_t i = 0; i < guest_keys.count; i++) {
        const struct config_key *key = &guest_keys.keys[i];
        char text[100];

        snprintf(text, sizeof(text), LEAST "%s=[[1]]", key->name);
        EXPECT((read_guest(text) == -EINVAL) == (key->use == KEY_READ));
        EXPECT(key->use == KEY_ABSENT || (key->form && key->text));
    }
    forget();
}

static void uuids(void)
{
    uint8_t uuid[XC_UUID_BYTES];
    char text[UUID_TEXT_SIZE];

    EXPECT(uuid_parse("0123456789abcdef0123456789abcdef", uuid));
    uuid_format(uuid, text);
    EXPECT_TEXT(text, "01234567-89ab-cdef-0123-456789abcdef");
    EXPECT(!uuid_parse("0123456789abcdef0123456789abcdef0", uuid));
    EXPECT(!uuid_parse("0123456789abcdef0123456789abcde", uuid));
    EXPECT(!uuid_parse("0123456789abcdef0123456789abcdxf", uuid));
    EXPECT(!uuid_parse("", uuid));
}

/* What create -n prints is a configuration of the same guest. */
static void printing_round_trips(void)
{
    size_t size;
    char *first, *second;
    FILE *out;

    EXPECT(!read_guest(
        LEAST
        "maxmem=256\ncpus=[1,'2']\ncpus_soft='all'\ntsc_mode=2\n"
        "cpu_weight=300\ncap=100\n"
        "pod_mode='on-demand'\npod_on_empty='borrow'\npod_borrow=5\nextra=\"a 'b' \\\"c\\\" \\\\ d\\n\""));
    out = open_memstream(&first, &size);
    guest_print(&guest, out);
    fclose(out);
    EXPECT(!read_guest(first));
    EXPECT_TEXT(guest.config.cmdline, "a 'b' \"c\" \\ d\n");
    out = open_memstream(&second, &size);
    guest_print(&guest, out);
    fclose(out);
    EXPECT_TEXT(second, first);
    free(first);
    free(second);
    forget();
}

static const struct check checks[] = {
    {"guestcfg/defaults", defaults},
    {"guestcfg/everything", everything},
    {"guestcfg/images", images},
    {"guestcfg/how much they run", how_much_they_run},
    {"guestcfg/command_lines", command_lines},
    {"guestcfg/required_keys", required_keys},
    {"guestcfg/names", names},
    {"guestcfg/memory_errors", memory_errors},
    {"guestcfg/other_errors", other_errors},
    {"guestcfg/where_vcpus_run", where_vcpus_run},
    {"guestcfg/time_stamp_counters", time_stamp_counters},
    {"guestcfg/scrub_patterns", scrub_patterns},
    {"guestcfg/labels", labels},
    {"guest: what it does without memory", without_memory},
    {"guestcfg/keys_of_the_table", keys_of_the_table},
    {"guestcfg/uuids", uuids},
    {"guestcfg/printing_round_trips", printing_round_trips},
};

CHECK_MAIN(checks)
