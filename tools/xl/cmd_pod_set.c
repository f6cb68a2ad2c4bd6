/* SPDX-License-Identifier: MIT */
/*
 * pod-set: what becomes of a running guest that touches what it was promised
 * when there is no page. The keys are those of its configuration; what is not
 * named stays as it is.
 */
#include <string.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "guestcfg.h"
#include "message.h"

static bool is_known(const char *key)
{
    return !strcmp(key, "pod_on_empty") || !strcmp(key, "pod_borrow");
}

static bool read_keys(struct cfg *cfg, const struct args *args)
{
    struct cfg_error err;

    for (int i = 1; i < args->word_count; i++) {
        if (cfg_parse_text(cfg, "command line", (unsigned int)i, args->words[i],
                           CFG_BARE, &err)) {
            error("%s", err.text);
            return false;
        }
    }
    for (size_t i = 0; i < cfg->entry_count; i++) {
        if (!is_known(cfg->entries[i].key)) {
            error("found '%s'; expected pod_on_empty or pod_borrow",
                  cfg->entries[i].key);
            return false;
        }
    }
    return true;
}

/* Over what is there already. */
static bool read_policy(const struct cfg *cfg, enum xc_on_empty *on_empty,
                        uint64_t *borrow_kib)
{
    struct cfg_error err;
    bool found;

    if (guest_read_on_empty(cfg, on_empty, &found, &err) ||
        guest_read_borrow(cfg, borrow_kib, &found, &err)) {
        error("%s", err.text);
        return false;
    }
    return true;
}

static int set_policy(struct xc *xc, const char *name, const struct cfg *cfg)
{
    struct xc_pod pod;
    uint32_t domid;

    if (!domain_find(xc, name, &domid)) {
        return XL_FAILED;
    }
    if (xc_pod_info(xc, domid, &pod)) {
        return failed(xc, "cannot read the memory state of '%s'", name);
    }
    if (!read_policy(cfg, &pod.on_empty, &pod.borrow_limit_kib)) {
        return XL_FAILED;
    }
    if (xc_pod_set_policy(xc, domid, pod.on_empty, pod.borrow_limit_kib)) {
        return failed(xc, "cannot set the policy of '%s'", name);
    }
    return XL_OK;
}

int cmd_pod_set(struct xc *xc, const struct args *args)
{
    struct cfg cfg;
    int status = XL_FAILED;

    cfg_init(&cfg);
    if (read_keys(&cfg, args)) {
        status = set_policy(xc, args->words[0], &cfg);
    }
    cfg_free(&cfg);
    return status;
}
