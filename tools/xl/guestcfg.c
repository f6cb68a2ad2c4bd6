/* SPDX-License-Identifier: MIT */
/*
 * What a configuration says about a guest.
 *
 * The keys are those of guestkeys.c; a value of a key that is read must be
 * right, and the first that is not is told of with its place.
 */
#include "guestcfg.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "configkey.h"
#include "guestpin.h"
#include "message.h"
#include "size.h"
#include "uuid.h"

/* 16 TiB: more than a host has, and far from overflowing when in bytes. */
#define MIB_MAX    (UINT64_C(1) << 24)
#define WEIGHT_MAX 65535

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const action_names[] = {
    [GUEST_DESTROY] = "destroy",
    [GUEST_RESTART] = "restart",
    [GUEST_PRESERVE] = "preserve",
};

static int read_type(struct guest *guest, const struct cfg *cfg,
                     struct cfg_error *err)
{
    static const char *const keys[] = {"builder", "type"};

    for (size_t i = 0; i < COUNT(keys); i++) {
        const char *type = "pvh";
        int rc = cfg_get_string(cfg, keys[i], &type, err);

        if (rc) {
            return rc;
        }
        if (strcmp(type, "pvh") != 0) {
            cfg_value_error(err, cfg_find(cfg, keys[i]),
                            "%s is '%s'; expected 'pvh', the only kind of "
                            "guest that can run here",
                            keys[i], type);
            return -EINVAL;
        }
    }
    return 0;
}

static int read_uuid(struct guest *guest, const struct cfg *cfg,
                     struct cfg_error *err)
{
    const char *text = NULL;
    int rc = cfg_get_string(cfg, "uuid", &text, err);

    if (!rc && text && !uuid_parse(text, guest->config.uuid)) {
        cfg_value_error(err, cfg_find(cfg, "uuid"),
                        "uuid is '%s'; expected 32 hexadecimal digits as in "
                        "01234567-89ab-cdef-0123-456789abcdef",
                        text);
        rc = -EINVAL;
    }
    return rc;
}

static int read_action(const struct cfg *cfg, const char *key,
                       enum guest_action *action, struct cfg_error *err)
{
    const char *text = action_names[*action];
    int rc = cfg_get_string(cfg, key, &text, err);

    if (rc) {
        return rc;
    }
    for (size_t i = 0; i < COUNT(action_names); i++) {
        if (!strcmp(text, action_names[i])) {
            *action = (enum guest_action)i;
            return 0;
        }
    }
    cfg_value_error(err, cfg_find(cfg, key),
                    "%s is '%s'; expected 'destroy', 'restart' or 'preserve'",
                    key, text);
    return -EINVAL;
}

static int read_actions(struct guest *guest, const struct cfg *cfg,
                        struct cfg_error *err)
{
    int rc;

    guest->on_poweroff = GUEST_DESTROY;
    guest->on_reboot = GUEST_RESTART;
    guest->on_crash = GUEST_DESTROY;
    guest->on_watchdog = GUEST_DESTROY;
    rc = read_action(cfg, "on_poweroff", &guest->on_poweroff, err);
    if (!rc) {
        rc = read_action(cfg, "on_reboot", &guest->on_reboot, err);
    }
    if (!rc) {
        rc = read_action(cfg, "on_crash", &guest->on_crash, err);
    }
    if (!rc) {
        rc = read_action(cfg, "on_watchdog", &guest->on_watchdog, err);
    }
    return rc;
}

/* Either of memory and maxmem stands in for the other. */
static int read_memory(struct guest *guest, const struct cfg *cfg,
                       struct cfg_error *err)
{
    unsigned long memory = 0, max = 0;
    int rc = cfg_get_number(cfg, "memory", 1, MIB_MAX, &memory, err);

    if (!rc) {
        rc = cfg_get_number(cfg, "maxmem", 1, MIB_MAX, &max, err);
    }
    if (rc) {
        return rc;
    }
    memory = memory ? memory : max;
    max = max ? max : memory;
    if (!memory) {
        snprintf(err->text, sizeof(err->text),
                 "no 'memory' in the configuration; expected memory = MIB");
        return -EINVAL;
    }
    if (memory > max) {
        cfg_value_error(err, cfg_find(cfg, "memory"),
                        "memory is %lu MiB and maxmem %lu MiB; expected "
                        "memory to be no more than maxmem",
                        memory, max);
        return -EINVAL;
    }
    guest->config.memory_kib = memory * KIB_PER_MIB;
    guest->config.max_kib = max * KIB_PER_MIB;
    return 0;
}

static int read_vcpus(struct guest *guest, const struct cfg *cfg,
                      struct cfg_error *err)
{
    unsigned long vcpus = 0, max = 0;
    int rc = cfg_get_number(cfg, "vcpus", 1, XC_VCPUS_MAX, &vcpus, err);

    if (!rc) {
        rc = cfg_get_number(cfg, "maxvcpus", 1, XC_VCPUS_MAX, &max, err);
    }
    if (rc) {
        return rc;
    }
    vcpus = vcpus ? vcpus : 1;
    max = max ? max : vcpus;
    if (vcpus > max) {
        cfg_value_error(err, cfg_find(cfg, "maxvcpus"),
                        "maxvcpus is %lu and vcpus %lu; expected vcpus to be "
                        "no more than maxvcpus",
                        max, vcpus);
        return -EINVAL;
    }
    guest->config.vcpus = (uint32_t)vcpus;
    guest->config.max_vcpus = (uint32_t)max;
    return 0;
}

/* cmdline, or else what root and extra make of it. */
static int read_cmdline(struct guest *guest, const struct cfg *cfg,
                        struct cfg_error *err)
{
    const char *cmdline = NULL, *root = NULL, *extra = NULL;
    int rc = cfg_get_string(cfg, "cmdline", &cmdline, err);

    if (!rc) {
        rc = cfg_get_string(cfg, "root", &root, err);
    }
    if (!rc) {
        rc = cfg_get_string(cfg, "extra", &extra, err);
    }
    if (rc) {
        return rc;
    }
    if (cmdline && (root || extra)) {
        warn("root and extra are ignored because there is a cmdline");
    }
    if (cmdline) {
        guest->config.cmdline = cmdline;
    } else if (root || extra) {
        guest->cmdline =
            must_format("%s%s%s%s", root ? "root=" : "", root ? root : "",
                        root && extra ? " " : "", extra ? extra : "");
        guest->config.cmdline = guest->cmdline;
    }
    return 0;
}

static int read_cpus(const struct cfg *cfg, const char *key,
                     const struct cfg_value **out, struct cfg_error *err)
{
    *out = cfg_find(cfg, key);
    return *out ? guest_pin_check(key, *out, err) : 0;
}

static const char *const tsc_names[] = {
    [XC_TSC_DEFAULT] = "default",
    [XC_TSC_ALWAYS_EMULATE] = "always_emulate",
    [XC_TSC_NATIVE] = "native",
    [XC_TSC_NATIVE_PARAVIRT] = "native_paravirt",
};

/* A name; or its number, as configurations of old have it. */
static int read_tsc_mode(struct guest *guest, const struct cfg *cfg,
                         struct cfg_error *err)
{
    const char *text = tsc_names[XC_TSC_DEFAULT];
    int rc = cfg_get_string(cfg, "tsc_mode", &text, err);

    for (size_t i = 0; !rc && i < COUNT(tsc_names); i++) {
        char number[2] = {(char)('0' + i), '\0'};

        if (!strcmp(text, tsc_names[i]) || !strcmp(text, number)) {
            guest->config.tsc_mode = (enum xc_tsc_mode)i;
            return 0;
        }
    }
    if (!rc) {
        cfg_value_error(err, cfg_find(cfg, "tsc_mode"),
                        "tsc_mode is '%s'; expected 'default', "
                        "'always_emulate', 'native' or 'native_paravirt'",
                        text);
    }
    return -EINVAL;
}

/* 64 bits, none of which is a sign. */
static bool parse_pattern(const char *text, uint64_t *pattern)
{
    char *end;

    if (strncmp(text, "0x", 2) || !isxdigit((unsigned char)text[2])) {
        return false;
    }
    errno = 0;
    *pattern = strtoull(text, &end, 16);
    return !*end && !errno;
}

static int read_scrub_pattern(struct guest *guest, const struct cfg *cfg,
                              struct cfg_error *err)
{
    const char *text = "0x0";
    int rc = cfg_get_string(cfg, "scrub_pattern", &text, err);

    if (!rc && !parse_pattern(text, &guest->config.scrub_pattern)) {
        cfg_value_error(err, cfg_find(cfg, "scrub_pattern"),
                        "scrub_pattern is '%s'; expected 0x and up to 16 hex "
                        "digits",
                        text);
        rc = -EINVAL;
    }
    return rc;
}

int guest_read_on_empty(const struct cfg *cfg, enum xc_on_empty *on_empty,
                        bool *found, struct cfg_error *err)
{
    const char *text = NULL;
    int rc = cfg_get_string(cfg, "pod_on_empty", &text, err);

    *found = text != NULL;
    if (rc || !text) {
        return rc;
    }
    for (int i = XC_ON_EMPTY_WAIT; i <= XC_ON_EMPTY_CRASH; i++) {
        if (!strcmp(text, xc_on_empty_name((enum xc_on_empty)i))) {
            *on_empty = (enum xc_on_empty)i;
            return 0;
        }
    }
    cfg_value_error(err, cfg_find(cfg, "pod_on_empty"),
                    "pod_on_empty is '%s'; expected 'wait', 'borrow' or "
                    "'crash'",
                    text);
    return -EINVAL;
}

int guest_read_borrow(const struct cfg *cfg, uint64_t *kib, bool *found,
                      struct cfg_error *err)
{
    unsigned long mib = 0;
    int rc = cfg_get_number(cfg, "pod_borrow", 1, MIB_MAX, &mib, err);

    *found = mib != 0;
    if (!rc && mib) {
        *kib = mib * KIB_PER_MIB;
    }
    return rc;
}

static int read_pod_mode(struct guest *guest, const struct cfg *cfg,
                         struct cfg_error *err)
{
    const char *text = "reserved";
    int rc = cfg_get_string(cfg, "pod_mode", &text, err);

    if (rc) {
        return rc;
    }
    guest->config.on_demand = !strcmp(text, "on-demand");
    if (!guest->config.on_demand && strcmp(text, "reserved") != 0) {
        cfg_value_error(err, cfg_find(cfg, "pod_mode"),
                        "pod_mode is '%s'; expected 'reserved' or 'on-demand'",
                        text);
        return -EINVAL;
    }
    return 0;
}

static int read_pod(struct guest *guest, const struct cfg *cfg,
                    struct cfg_error *err)
{
    int rc = read_pod_mode(guest, cfg, err);

    if (!rc) {
        rc = guest_read_on_empty(cfg, &guest->config.on_empty,
                                 &guest->has_on_empty, err);
    }
    if (!rc) {
        rc = guest_read_borrow(cfg, &guest->config.borrow_kib,
                               &guest->has_borrow, err);
    }
    return rc;
}

static int read_seclabel(struct guest *guest, const struct cfg *cfg,
                         struct cfg_error *err)
{
    const struct cfg_value *value = cfg_find(cfg, "seclabel");
    const char *label;
    int rc = cfg_get_string(cfg, "seclabel", &label, err);

    if (value && !rc) {
        warn("%s:%u: seclabel is ignored: there are no security policies here",
             value->file, value->line);
    }
    return rc;
}

/* A string without which there is no guest. */
static int read_required(const struct cfg *cfg, const char *key,
                         const char **out, struct cfg_error *err)
{
    int rc = cfg_get_string(cfg, key, out, err);

    if (!rc && (!*out || !**out)) {
        snprintf(err->text, sizeof(err->text),
                 "no '%s' in the configuration; expected %s = \"...\"", key,
                 key);
        rc = -EINVAL;
    }
    return rc;
}

static int read_name(struct guest *guest, const struct cfg *cfg,
                     struct cfg_error *err)
{
    int rc = read_required(cfg, "name", &guest->config.name, err);

    if (!rc && !xc_name_is_valid(guest->config.name)) {
        cfg_value_error(err, cfg_find(cfg, "name"),
                        "name is '%s'; expected letters, digits and - _ . + :, "
                        "not digits alone",
                        guest->config.name);
        rc = -EINVAL;
    }
    return rc;
}

/* `path` from the root: the monitor that restarts a guest works in "/". */
static char *path_absolute(const char *path)
{
    char *here, *whole;

    if (path[0] == '/') {
        return must_strdup(path);
    }
    here = getcwd(NULL, 0);
    whole = must_format("%s/%s", here ? here : ".", path);
    free(here);
    return whole;
}

static int read_images(struct guest *guest, const struct cfg *cfg,
                       struct cfg_error *err)
{
    const char *kernel = NULL, *ramdisk = NULL;
    int rc = read_required(cfg, "kernel", &kernel, err);

    if (!rc) {
        rc = cfg_get_string(cfg, "ramdisk", &ramdisk, err);
    }
    if (rc) {
        return rc;
    }
    guest->kernel = path_absolute(kernel);
    guest->config.kernel = guest->kernel;
    if (ramdisk && *ramdisk) {
        guest->ramdisk = path_absolute(ramdisk);
        guest->config.ramdisk = guest->ramdisk;
    }
    return 0;
}

static int read_pins(struct guest *guest, const struct cfg *cfg,
                     struct cfg_error *err)
{
    int rc = read_cpus(cfg, "cpus", &guest->cpus, err);

    return rc ? rc : read_cpus(cfg, "cpus_soft", &guest->cpus_soft, err);
}

/* After the vCPUs are known. */
static int read_share(struct guest *guest, const struct cfg *cfg,
                      struct cfg_error *err)
{
    unsigned long weight = 0, cap = 0;
    unsigned long cap_max = guest->config.max_vcpus * 100UL;
    int rc = cfg_get_number(cfg, "cpu_weight", 1, WEIGHT_MAX, &weight, err);

    if (!rc) {
        rc = cfg_get_number(cfg, "cap", 0, cap_max, &cap, err);
    }
    guest->has_weight = cfg_find(cfg, "cpu_weight") != NULL;
    guest->has_cap = cfg_find(cfg, "cap") != NULL;
    guest->share = (struct xc_share){(uint16_t)weight, (uint16_t)cap};
    return rc;
}

int guest_read(struct guest *guest, const struct cfg *cfg,
               struct cfg_error *err)
{
    static int (*const readers[])(struct guest *, const struct cfg *,
                                  struct cfg_error *) = {
        read_type,     read_name,          read_images,  read_uuid,
        read_memory,   read_vcpus,         read_actions, read_pins,
        read_tsc_mode, read_scrub_pattern, read_cmdline, read_seclabel,
        read_pod,      read_share,
    };

    memset(guest, 0, sizeof(*guest));
    for (size_t i = 0; i < COUNT(readers); i++) {
        int rc = readers[i](guest, cfg, err);

        if (rc) {
            return rc;
        }
    }
    config_keys_check(&guest_keys, cfg);
    return 0;
}

void guest_free(struct guest *guest)
{
    free(guest->kernel);
    free(guest->ramdisk);
    free(guest->cmdline);
    memset(guest, 0, sizeof(*guest));
}

enum guest_action guest_action_after(const struct guest *guest,
                                     unsigned int shutdown_code)
{
    switch (shutdown_code) {
    case XC_SHUTDOWN_POWEROFF:
        return guest->on_poweroff;
    case XC_SHUTDOWN_REBOOT:
        return guest->on_reboot;
    case XC_SHUTDOWN_WATCHDOG:
        return guest->on_watchdog;
    case XC_SHUTDOWN_SUSPEND: /* someone may want to look at it */
        return GUEST_PRESERVE;
    default: /* whatever else stopped it, it did not mean to */
        return guest->on_crash;
    }
}

const char *guest_action_name(enum guest_action action)
{
    return action_names[action];
}

/* With what would end the string or start an escape made harmless. */
static void print_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', out);
        }
        if (*text == '\n') {
            fputs("\\n", out);
        } else {
            fputc(*text, out);
        }
    }
    fputc('"', out);
}

static void print_quoted(FILE *out, const char *key, const char *text)
{
    if (text) {
        fprintf(out, "%s = ", key);
        print_string(out, text);
        fputc('\n', out);
    }
}

/* A string, or a list of them. */
static void print_value(FILE *out, const char *key,
                        const struct cfg_value *value)
{
    if (!value) {
        return;
    }
    if (value->type != CFG_LIST) {
        print_quoted(out, key, value->text);
        return;
    }
    fprintf(out, "%s = [", key);
    for (size_t i = 0; i < value->item_count; i++) {
        fputs(i ? ", " : "", out);
        print_string(out, value->items[i].text);
    }
    fputs("]\n", out);
}

void guest_print(const struct guest *guest, FILE *out)
{
    static const uint8_t no_uuid[XC_UUID_BYTES];
    const struct xc_guest_config *c = &guest->config;
    char uuid[UUID_TEXT_SIZE];

    uuid_format(c->uuid, uuid);
    print_quoted(out, "name", c->name);
    print_quoted(out, "type", "pvh");
    if (memcmp(c->uuid, no_uuid, sizeof(no_uuid)) != 0) {
        print_quoted(out, "uuid", uuid);
    }
    print_quoted(out, "kernel", c->kernel);
    print_quoted(out, "ramdisk", c->ramdisk);
    print_quoted(out, "cmdline", c->cmdline);
    fprintf(out, "memory = %lu\n",
            (unsigned long)(c->memory_kib / KIB_PER_MIB));
    fprintf(out, "maxmem = %lu\n", (unsigned long)(c->max_kib / KIB_PER_MIB));
    print_quoted(out, "pod_mode", c->on_demand ? "on-demand" : "reserved");
    if (guest->has_on_empty) {
        print_quoted(out, "pod_on_empty", xc_on_empty_name(c->on_empty));
    }
    if (guest->has_borrow) {
        fprintf(out, "pod_borrow = %lu\n",
                (unsigned long)(c->borrow_kib / KIB_PER_MIB));
    }
    fprintf(out, "vcpus = %u\nmaxvcpus = %u\n", c->vcpus, c->max_vcpus);
    print_value(out, "cpus", guest->cpus);
    print_value(out, "cpus_soft", guest->cpus_soft);
    if (guest->has_weight) {
        fprintf(out, "cpu_weight = %u\n", guest->share.weight);
    }
    if (guest->has_cap) {
        fprintf(out, "cap = %u\n", guest->share.cap);
    }
    print_quoted(out, "tsc_mode", tsc_names[c->tsc_mode]);
    if (c->scrub_pattern) {
        fprintf(out, "scrub_pattern = \"0x%" PRIx64 "\"\n", c->scrub_pattern);
    }
    print_quoted(out, "on_poweroff", action_names[guest->on_poweroff]);
    print_quoted(out, "on_reboot", action_names[guest->on_reboot]);
    print_quoted(out, "on_crash", action_names[guest->on_crash]);
    print_quoted(out, "on_watchdog", action_names[guest->on_watchdog]);
}
