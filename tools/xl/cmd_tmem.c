/* SPDX-License-Identifier: MIT */
/*
 * Commands about transcendent memory: pages that guests left with the
 * hypervisor. Most are about one domain, or with -a about all that use it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "message.h"
#include "size.h"
#include "tmem_text.h"
#include "uuid.h"

/* Whom it is about. XL_OK, or what the command ends with. */
static int find_whom(struct xc *xc, const struct args *args, uint32_t *domid)
{
    *domid = XC_TMEM_ALL;
    if (arg_given(args, 'a') == (args->word_count > 0)) {
        error("expected either -a or a domain");
        return XL_USAGE;
    }
    if (args->word_count && !domain_find(xc, args->words[0], domid)) {
        return XL_FAILED;
    }
    return XL_OK;
}

static const char *whom(const struct args *args)
{
    return args->word_count ? args->words[0] : "all domains";
}

int cmd_tmem_list(struct xc *xc, const struct args *args)
{
    uint32_t domid;
    char *text;
    int rc = find_whom(xc, args, &domid);

    if (rc) {
        return rc;
    }
    if (xc_tmem_list(xc, domid, arg_given(args, 'l'), &text)) {
        return failed(xc, "transcendent memory of %s", whom(args));
    }
    if (arg_given(args, 'j')) {
        tmem_text_json(text, stdout);
    } else if (arg_given(args, 'r')) {
        tmem_text_explain(text, stdout);
    } else {
        fputs(text, stdout);
    }
    free(text);
    return XL_OK;
}

static int set_frozen(struct xc *xc, const struct args *args, bool frozen)
{
    uint32_t domid;
    int rc = find_whom(xc, args, &domid);

    if (rc) {
        return rc;
    }
    if (xc_tmem_freeze(xc, domid, frozen)) {
        return failed(xc, "transcendent memory of %s", whom(args));
    }
    return XL_OK;
}

int cmd_tmem_freeze(struct xc *xc, const struct args *args)
{
    return set_frozen(xc, args, true);
}

int cmd_tmem_thaw(struct xc *xc, const struct args *args)
{
    return set_frozen(xc, args, false);
}

/* The number of option `letter`, up to `most`. False after a message. */
static bool setting(const struct args *args, char letter, uint64_t most,
                    struct xc_tmem_setting *s)
{
    const char *text = args->value[(unsigned char)letter];
    char *end;

    if (!arg_given(args, letter)) {
        return true;
    }
    errno = 0;
    s->value = strtoull(text, &end, 0);
    s->is_set = true;
    if (errno || end == text || *end || *text == '-' || s->value > most) {
        error("-%c takes a number from 0 to %lu, not '%s'", letter,
              (unsigned long)most, text);
        return false;
    }
    return true;
}

/* Every domain that uses it, one after the other. */
static int set_all(struct xc *xc, const struct xc_tmem_settings *s)
{
    struct xc_domain *list;
    size_t count;
    int rc = xc_domain_list(xc, &list, &count);

    if (rc) {
        return rc;
    }
    for (size_t i = 0; !rc && i < count; i++) {
        rc = xc_tmem_set(xc, list[i].domid, s);
        if (rc == -ENOENT || rc == -ESRCH) {
            rc = 0;
        }
    }
    free(list);
    return rc;
}

int cmd_tmem_set(struct xc *xc, const struct args *args)
{
    struct xc_tmem_settings s = {0};
    uint32_t domid;
    int rc = find_whom(xc, args, &domid);

    if (rc) {
        return rc;
    }
    if (!setting(args, 'w', UINT32_MAX, &s.weight) ||
        !setting(args, 'c', UINT64_MAX, &s.cap_kib) ||
        !setting(args, 'P', UINT64_MAX, &s.persistent_kib) ||
        !setting(args, 'p', 1, &s.compress)) {
        return XL_USAGE;
    }
    if (!s.weight.is_set && !s.cap_kib.is_set && !s.persistent_kib.is_set &&
        !s.compress.is_set) {
        error("nothing to set: expected at least one of -w, -c, -P and -p");
        return XL_USAGE;
    }
    s.of_users = domid == XC_TMEM_ALL;
    if (s.of_users ? set_all(xc, &s) : xc_tmem_set(xc, domid, &s)) {
        return failed(xc, "transcendent memory of %s", whom(args));
    }
    return XL_OK;
}

int cmd_tmem_shared_auth(struct xc *xc, const struct args *args)
{
    const char *may = args->value['A'], *text = args->value['u'];
    uint8_t uuid[XC_UUID_BYTES];
    uint32_t domid;
    int rc = find_whom(xc, args, &domid);

    if (rc) {
        return rc;
    }
    if (!arg_given(args, 'u') || !arg_given(args, 'A')) {
        error("expected -u UUID and -A 0|1");
        return XL_USAGE;
    }
    if (!uuid_parse(text, uuid)) {
        error("'%s' is no UUID", text);
        return XL_USAGE;
    }
    if (strcmp(may, "0") && strcmp(may, "1")) {
        error("-A takes 1 (may share) or 0 (may not), not '%s'", may);
        return XL_USAGE;
    }
    if (xc_tmem_shared_auth(xc, domid, uuid, *may == '1')) {
        return failed(xc, "transcendent memory of %s", whom(args));
    }
    printf("%s %s join the shared pool %s\n", whom(args),
           *may == '1' ? "may" : "may not", text);
    return XL_OK;
}

int cmd_tmem_freeable(struct xc *xc, const struct args *args)
{
    (void)args;
    printf("%lu\n", (unsigned long)(xc_tmem_freeable_kib(xc) / KIB_PER_MIB));
    return XL_OK;
}
