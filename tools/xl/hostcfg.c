/* SPDX-License-Identifier: MIT */
/*
 * What /etc/xen/xl.conf says. Its syntax is that of a guest's configuration.
 * It is read anew whenever a guest is made, by create or by the process that
 * restarts it, so that a change counts from then on.
 */
#include "hostcfg.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "configkey.h"
#include "guestcfg.h"
#include "message.h"

#define LOCK_FILE "/run/lock/xl"

const char *host_config_path = "/etc/xen/xl.conf";

static int read_autoballoon(struct host_config *host, struct cfg_error *err)
{
    static const struct {
        const char *text;
        enum autoballoon is;
    } words[] = {
        {"on", AUTOBALLOON_ON},     {"off", AUTOBALLOON_OFF},
        {"auto", AUTOBALLOON_AUTO}, {"1", AUTOBALLOON_ON},
        {"0", AUTOBALLOON_OFF},
    };
    const char *text = "auto";
    int rc = cfg_get_string(&host->cfg, "autoballoon", &text, err);

    for (size_t i = 0; !rc && i < sizeof(words) / sizeof(words[0]); i++) {
        if (!strcmp(text, words[i].text)) {
            host->autoballoon = words[i].is;
            return 0;
        }
    }
    if (!rc) {
        cfg_value_error(err, cfg_find(&host->cfg, "autoballoon"),
                        "autoballoon is '%s'; expected 'on', 'off' or 'auto'",
                        text);
    }
    return -EINVAL;
}

static int read_claim_mode(struct host_config *host, struct cfg_error *err)
{
    unsigned long claim = 1;
    int rc =
        cfg_get_number(&host->cfg, "claim_mode", 0, ULONG_MAX, &claim, err);

    host->claim = claim != 0;
    return rc;
}

static int read_lockfile(struct host_config *host, struct cfg_error *err)
{
    host->lockfile = LOCK_FILE;
    return cfg_get_string(&host->cfg, "lockfile", &host->lockfile, err);
}

static int read_output_format(struct host_config *host, struct cfg_error *err)
{
    const char *text = "json";
    int rc = cfg_get_string(&host->cfg, "output_format", &text, err);

    if (!rc && strcmp(text, "json") != 0) {
        cfg_value_error(err, cfg_find(&host->cfg, "output_format"),
                        "output_format is '%s'; expected 'json'", text);
        rc = -EINVAL;
    }
    return rc;
}

static int read_pod(struct host_config *host, struct cfg_error *err)
{
    bool found;
    int rc = guest_read_on_empty(&host->cfg, &host->on_empty, &found, err);

    return rc ? rc
              : guest_read_borrow(&host->cfg, &host->borrow_kib, &found, err);
}

static int read_values(struct host_config *host, struct cfg_error *err)
{
    static int (*const readers[])(struct host_config *, struct cfg_error *) = {
        read_autoballoon, read_claim_mode, read_lockfile, read_output_format,
        read_pod};

    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        int rc = readers[i](host, err);

        if (rc) {
            return rc;
        }
    }
    return 0;
}

int host_config_read(struct host_config *host)
{
    struct cfg_error err = {{0}};
    int rc = 0;

    memset(host, 0, sizeof(*host));
    cfg_init(&host->cfg);
    if (!access(host_config_path, F_OK)) {
        rc = cfg_parse_file(&host->cfg, host_config_path, &err);
    }
    if (!rc) {
        rc = read_values(host, &err);
    }
    if (rc) {
        error("%s", err.text);
        return rc;
    }
    config_keys_check(&host_keys, &host->cfg);
    return 0;
}

void host_config_free(struct host_config *host)
{
    cfg_free(&host->cfg);
}
