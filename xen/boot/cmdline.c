/* SPDX-License-Identifier: MIT */
/* One row per option. */
#include "boot/cmdline.h"

#include "arch/cpu.h"
#include "lib/string.h"
#include "types/bits.h"
#include "types/check.h"

#define WORD_LIMIT   128
#define REPORT_LIMIT 8

typedef bool option_fn(struct options *o, const char *value);

static char unknown[REPORT_LIMIT][WORD_LIMIT];
static unsigned unknown_count;

/* The next part of a list with commas; false: it has no more. */
static bool next_part(const char **list, char part[WORD_LIMIT])
{
    unsigned n = 0;

    if (!**list) {
        return false;
    }
    for (; **list && **list != ','; (*list)++) {
        if (n < WORD_LIMIT - 1) {
            part[n++] = **list;
        }
    }
    part[n] = '\0';
    if (**list) {
        (*list)++;
    }
    return true;
}

/* "com1,vga": the first serial port that is named, and the screen besides. */
static bool set_console(struct options *o, const char *value)
{
    char part[WORD_LIMIT];
    unsigned com = 0;
    bool screen = false;

    while (next_part(&value, part)) {
        if (strcmp(part, "vga") == 0) {
            screen = true;
        } else if (!com &&
                   (strcmp(part, "com1") == 0 || strcmp(part, "com2") == 0)) {
            com = (unsigned)(part[3] - '0');
        }
    }
    if (com) {
        o->console_com = com;
    }
    o->use_screen = screen;
    return com || screen;
}

/* "115200,8n1": only the speed matters to an emulated line; other than eight
 * bits without parity is refused. */
static bool set_line(struct options *o, const char *value)
{
    uint64_t baud;

    if (!string_number(&value, &baud) || baud < 50 || baud > 115200) {
        return false;
    }
    o->console_baud = (unsigned)baud;
    return !*value || strcmp(value, ",8n1") == 0;
}

static bool set_host_level(struct options *o, const char *value)
{
    return console_level_by_name(value, &o->host_level);
}

static bool set_guest_level(struct options *o, const char *value)
{
    return console_level_by_name(value, &o->guest_level);
}

/* Xen's "2G", "max:2G", "1G,min:512M,max:2G": memory to begin with, and bounds
 * of the balloon. There are no bounds here, so one of them only counts when
 * nothing else is said. */
static bool set_dom0_mem(struct options *o, const char *value)
{
    uint64_t first = 0, bound = 0;
    char part[WORD_LIMIT];

    while (next_part(&value, part)) {
        bool maximum = strncmp(part, "max:", 4) == 0;
        bool bounds = maximum || strncmp(part, "min:", 4) == 0;
        uint64_t size;

        if (!string_size(bounds ? part + 4 : part, 10, &size) || !size) {
            return false;
        }
        if (!bounds) {
            first = size;
        } else if (maximum || !bound) {
            bound = size;
        }
    }
    o->dom0_mem = first ? first : bound;
    return o->dom0_mem > 0;
}

static bool set_count(const char *value, unsigned *count)
{
    uint64_t n;

    if (!string_number(&value, &n) || *value || n < 1 || n > 1024) {
        return false;
    }
    *count = (unsigned)n;
    return true;
}

static bool set_dom0_vcpus(struct options *o, const char *value)
{
    const char *dash = strchr(value, '-'); /* "1-4" */

    return set_count(dash ? dash + 1 : value, &o->dom0_max_vcpus);
}

static bool set_max_cpus(struct options *o, const char *value)
{
    return set_count(value, &o->max_cpus);
}

/* A processor that the firmware does not know of: most likely there is none. */
static bool set_extra_cpu(struct options *o, const char *value)
{
    uint64_t id;

    if (!string_number(&value, &id) || *value || id > 0xFFFFFFFF) {
        return false;
    }
    o->has_extra_cpu = true;
    o->extra_cpu = (uint32_t)id;
    return true;
}

static bool set_nmi(struct options *o, const char *value)
{
    static const char *const names[] = {
        [NMI_IGNORE] = "ignore",
        [NMI_DOM0] = "dom0",
        [NMI_FATAL] = "fatal",
    };

    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(names[i], value) == 0) {
            o->nmi = (enum nmi_policy)i;
            return true;
        }
    }
    return false;
}

static bool is_one_of(const char *value, const char *a, const char *b,
                      const char *c)
{
    return strcmp(value, a) == 0 || strcmp(value, b) == 0 ||
           strcmp(value, c) == 0;
}

/* Without a value it is a yes. */
static bool is_yes(const char *value)
{
    return strcmp(value, "0") && strcmp(value, "no") && strcmp(value, "false");
}

static bool set_noreboot(struct options *o, const char *value)
{
    o->no_reboot = is_yes(value);
    return true;
}

static bool set_spare_boot_cpu(struct options *o, const char *value)
{
    o->spare_boot_cpu = is_yes(value);
    return true;
}

static bool set_repeat_timer(struct options *o, const char *value)
{
    o->repeat_timer = is_yes(value);
    return true;
}

static bool set_background(struct options *o, const char *value)
{
    o->no_background = !is_yes(value);
    return true;
}

static bool set_tmem(struct options *o, const char *value)
{
    o->no_tmem = !is_yes(value);
    return true;
}

static bool set_tmem_compress(struct options *o, const char *value)
{
    o->tmem_compress = is_yes(value);
    return true;
}

static bool set_tmem_policy(struct options *o, const char *value)
{
    for (unsigned p = 0; p < TMEM_POLICIES; p++) {
        if (strcmp(value, tmem_policy_name((enum tmem_policy)p)) == 0) {
            o->tmem_policy = (enum tmem_policy)p;
            return true;
        }
    }
    return false;
}

static bool set_x2apic(struct options *o, const char *value)
{
    o->no_x2apic = !is_yes(value);
    return true;
}

static bool set_page_scan(struct options *o, const char *value)
{
    string_copy(o->page_scan, value, sizeof(o->page_scan));
    return is_one_of(value, "words", "sse2", "avx2");
}

static bool set_page_clear(struct options *o, const char *value)
{
    string_copy(o->page_clear, value, sizeof(o->page_clear));
    return is_one_of(value, "stosq", "stosb", "movnti");
}

/* What GRUB's entries for Xen always have, about a BIOS that we never call; and
 * what transcendent memory does anyway. */
static bool set_nothing(struct options *o, const char *value)
{
    return true;
}

static const struct {
    const char *name;
    option_fn *set;
} table[] = {
    {"console", set_console},
    {"com1", set_line},
    {"com2", set_line},
    {"loglvl", set_host_level},
    {"guest_loglvl", set_guest_level},
    {"dom0_mem", set_dom0_mem},
    {"dom0_max_vcpus", set_dom0_vcpus},
    {"maxcpus", set_max_cpus},
    {"extra-cpu", set_extra_cpu},
    {"nmi", set_nmi},
    {"noreboot", set_noreboot},
    {"page-clear", set_page_clear},
    {"page-scan", set_page_scan},
    {"spare-boot-cpu", set_spare_boot_cpu},
    {"repeat-timer", set_repeat_timer},
    {"background", set_background},
    {"tmem", set_tmem},
    {"tmem_compress", set_tmem_compress},
    {"tmem_policy", set_tmem_policy},
    {"tmem_dedup", set_nothing},
    {"tmem_tze", set_nothing},
    {"x2apic", set_x2apic},
    {"no-real-mode", set_nothing},
    {"edd", set_nothing},
};

static bool apply(char *word, struct options *o)
{
    char *value = strchr(word, '=');

    if (value) {
        *value++ = '\0';
    }
    for (unsigned i = 0; i < ARRAY_COUNT(table); i++) {
        if (strcmp(table[i].name, word) == 0) {
            return table[i].set(o, value ? value : "");
        }
    }
    return false;
}

static void parse_word(const char *word, struct options *o)
{
    char copy[WORD_LIMIT];

    string_copy(copy, word, sizeof(copy));
    if (!apply(copy, o) && unknown_count < REPORT_LIMIT) {
        string_copy(unknown[unknown_count++], word, WORD_LIMIT);
    }
}

void cmdline_parse(const char *text, struct options *o)
{
    *o = (struct options){
        .console_com = 1,
        .console_baud = 115200,
        .host_level = LOG_INFO,
        .guest_level = LOG_WARNING,
        .max_cpus = MAX_CPUS,
    };
    while (*text) {
        char word[WORD_LIMIT];
        unsigned n = 0;

        for (; *text && *text != ' '; text++) {
            if (n < WORD_LIMIT - 1) {
                word[n++] = *text;
            }
        }
        word[n] = '\0';
        if (n) {
            parse_word(word, o);
        }
        while (*text == ' ') {
            text++;
        }
    }
}

void cmdline_report(void)
{
    for (unsigned i = 0; i < unknown_count; i++) {
        log_line(LOG_WARNING,
                 "option \"%s\" is unknown or has a wrong value: ignored "
                 "(known: console com1 loglvl guest_loglvl dom0_mem "
                 "dom0_max_vcpus maxcpus extra-cpu nmi noreboot "
                 "page-clear page-scan spare-boot-cpu repeat-timer background "
                 "x2apic tmem tmem_compress tmem_policy)",
                 unknown[i]);
    }
}
