/* SPDX-License-Identifier: MIT */
/*
 * Where a configured guest's virtual CPUs run.
 *
 * A configuration is read before anybody asks what the host has, and perhaps
 * on another one (create -n). So the form is checked first, and the CPUs when
 * the guest is about to be built: before that, because what is wrong then
 * should leave nothing behind.
 */
#include "guestpin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cpulist.h"
#include "message.h"

/* One value as the text of each vCPU: its own, or the same for all. */
static const struct cfg_value *text_of(const struct cfg_value *value,
                                       size_t vcpu)
{
    return value->type == CFG_LIST ? &value->items[vcpu] : value;
}

static size_t text_count(const struct cfg_value *value)
{
    return value->type == CFG_LIST ? value->item_count : 1;
}

static int check_text(const char *key, const struct cfg_value *text,
                      const struct cpulist_host *host, struct xc_cpus *cpus,
                      struct cfg_error *err)
{
    char why[CPULIST_ERROR_SIZE];

    if (text->type == CFG_LIST) {
        cfg_value_error(err, text, "%s has a list in a list; expected CPUs",
                        key);
        return -EINVAL;
    }
    if (cpulist_parse(text->text, host, cpus, why)) {
        cfg_value_error(err, text, "%s is '%s': %s", key, text->text, why);
        return -EINVAL;
    }
    return 0;
}

int guest_pin_check(const char *key, const struct cfg_value *value,
                    struct cfg_error *err)
{
    struct xc_cpus cpus;
    int rc = 0;

    for (size_t i = 0; !rc && i < text_count(value); i++) {
        rc = check_text(key, text_of(value, i), NULL, &cpus, err);
    }
    return rc;
}

/* *list: one set for each vCPU that the value speaks of. */
static int read_value(const char *key, const struct cfg_value *value,
                      uint32_t vcpus, const struct cpulist_host *host,
                      struct xc_cpus **list, size_t *count)
{
    struct cfg_error err;
    size_t texts;

    if (!value) {
        return 0;
    }
    texts = text_count(value);
    *count = value->type == CFG_LIST && texts < vcpus ? texts : vcpus;
    *list = must_realloc(NULL, (*count + 1) * sizeof(**list));
    if (texts > vcpus) {
        warn("%s:%u: %s has %zu items for %u virtual CPUs", value->file,
             value->line, key, texts, vcpus);
    }
    for (size_t i = 0; i < *count; i++) {
        if (check_text(key, text_of(value, i), host, &(*list)[i], &err)) {
            error("%s", err.text);
            return -EINVAL;
        }
    }
    return 0;
}

int guest_pins_read(struct guest_pins *pins, struct xc *xc,
                    const struct guest *guest)
{
    uint32_t vcpus = guest->config.max_vcpus;
    struct cpulist_host host;
    int rc;

    memset(pins, 0, sizeof(*pins));
    if (!guest->cpus && !guest->cpus_soft) {
        return 0;
    }
    if (!cpulist_host_read(xc, &host)) {
        return -EIO;
    }
    rc = read_value("cpus", guest->cpus, vcpus, &host, &pins->hard,
                    &pins->hard_count);
    if (!rc) {
        rc = read_value("cpus_soft", guest->cpus_soft, vcpus, &host,
                        &pins->soft, &pins->soft_count);
    }
    free(host.cpus);
    return rc;
}

int guest_pins_apply(const struct guest_pins *pins, struct xc *xc,
                     uint32_t domid)
{
    for (uint32_t i = 0; i < pins->hard_count || i < pins->soft_count; i++) {
        int rc = xc_vcpu_pin(
            xc, domid, i, i < pins->hard_count ? &pins->hard[i] : NULL,
            i < pins->soft_count ? &pins->soft[i] : NULL, false);

        if (rc) {
            error("%s", xc_error(xc));
            return rc;
        }
    }
    return 0;
}

void guest_pins_free(struct guest_pins *pins)
{
    free(pins->hard);
    free(pins->soft);
    memset(pins, 0, sizeof(*pins));
}
