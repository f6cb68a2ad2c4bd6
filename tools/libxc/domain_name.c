/* SPDX-License-Identifier: MIT */
/*
 * Names. The hypervisor knows only numbers; a domain's name is a node in its
 * home in xenstore. That no two are equal is our doing: whoever gives a name
 * looks first whether another domain has it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libxc/domain.h"
#include "libxc/guest_nodes.h"
#include "libxc/handle.h"
#include "libxc/store.h"

#define NO_DOMID UINT32_MAX

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

int xc_domain_name(struct xc *xc, uint32_t domid, char *name, size_t size)
{
    int rc = store_read_string(xc, name, size, "/local/domain/%u/name", domid);

    if (rc == -ENOENT || (rc && domid == 0)) {
        strncpy(name, domid == 0 ? "Domain-0" : "", size - 1);
        name[size - 1] = 0;
        rc = 0;
    }
    return rc;
}

/* *domid is NO_DOMID if nobody has the name. */
static int find_name(struct xc *xc, const char *name, uint32_t *domid)
{
    char candidate[XC_NAME_MAX];
    struct xc_domain *list;
    size_t count;
    int rc;

    *domid = NO_DOMID;
    rc = xc_domain_list(xc, &list, &count);
    if (rc) {
        return rc;
    }
    for (size_t i = 0; !rc && i < count && *domid == NO_DOMID; i++) {
        rc = xc_domain_name(xc, list[i].domid, candidate, sizeof(candidate));
        if (!rc && !strcmp(candidate, name)) {
            *domid = list[i].domid;
        }
    }
    free(list);
    return rc;
}

static int find_number(struct xc *xc, const char *what, uint32_t *domid)
{
    struct xc_domain info;

    if (strlen(what) > 5) {
        return xc_fail(xc, -ESRCH, "no domain has the number %s", what);
    }
    *domid = (uint32_t)strtoul(what, NULL, 10);
    return xc_domain_info(xc, *domid, &info);
}

int xc_domain_find(struct xc *xc, const char *what, uint32_t *domid)
{
    int rc;

    if (is_number(what)) {
        return find_number(xc, what, domid);
    }
    rc = find_name(xc, what, domid);
    if (!rc && *domid == NO_DOMID) {
        rc = xc_fail(xc, -ESRCH, "there is no domain '%s'", what);
    }
    return rc;
}

bool xc_name_is_valid(const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)name[i]) && !strchr("-_.+:", name[i])) {
            return false;
        }
    }
    return size > 0 && size < XC_NAME_MAX && !is_number(name);
}

int domain_name_check(struct xc *xc, const char *name, uint32_t except)
{
    uint32_t domid;
    int rc;

    if (!name || !xc_name_is_valid(name)) {
        return xc_fail(xc, -EINVAL,
                       "'%s' cannot be a domain's name: use letters, digits "
                       "and - _ . + : (not only digits)",
                       name ? name : "");
    }
    rc = find_name(xc, name, &domid);
    if (!rc && domid != NO_DOMID && domid != except) {
        rc = xc_fail(xc, -EEXIST, "the name '%s' is in use by domain %u", name,
                     domid);
    }
    return rc;
}

struct new_name {
    const char *name;
    char uuid[UUID_TEXT_SIZE];
};

static void put_name(struct store_writer *w, const void *arg)
{
    const struct new_name *n = arg;

    store_put(w, STORE_INHERIT, n->name, "/local/domain/%u/name", w->domid);
    if (w->domid) {
        store_put(w, STORE_INHERIT, n->name, "/vm/%s/name", n->uuid);
    }
}

int xc_domain_rename(struct xc *xc, uint32_t domid, const char *name)
{
    struct new_name n = {.name = name};
    struct xc_domain info;
    int rc;

    rc = xc_domain_info(xc, domid, &info);
    if (!rc) {
        rc = domain_name_check(xc, name, domid);
    }
    if (rc) {
        return rc;
    }
    uuid_text(info.uuid, n.uuid);
    return store_transaction(xc, domid, put_name, &n);
}
