/* SPDX-License-Identifier: MIT */
/*
 * A guest's nodes in xenstore. Its home /local/domain/ID is what its drivers
 * read: memory targets, vCPUs, requests to shut down. It may read all of its
 * home, and write where it has something to say: which requests it listens
 * to, its answers, its devices' states. /vm/UUID and /libxl/ID are for tools.
 */
#include "libxc/guest_nodes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libxc/handle.h"
#include "libxc/store.h"

#define CONSOLE_LOG_LIMIT 1048576
#define IMAGE_NODE_MAX    3072

void uuid_text(const uint8_t u[XC_UUID_BYTES], char text[UUID_TEXT_SIZE])
{
    snprintf(text, UUID_TEXT_SIZE,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
             "%02x%02x%02x%02x%02x%02x",
             u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10],
             u[11], u[12], u[13], u[14], u[15]);
}

static void put_identity(struct store_writer *w, const struct guest_nodes *n,
                         const char *home)
{
    char uuid[UUID_TEXT_SIZE], vm[STORE_PATH_MAX];

    uuid_text(n->uuid, uuid);
    snprintf(vm, sizeof(vm), "/vm/%s", uuid);
    store_put(w, STORE_GUEST_READ, "", "%s", home);
    store_put(w, STORE_INHERIT, vm, "%s/vm", home);
    store_put(w, STORE_INHERIT, n->name, "%s/name", home);
    store_put_number(w, STORE_INHERIT, n->domid, "%s/domid", home);
    store_put(w, STORE_DOM0_ONLY, "", "%s", vm);
    store_put(w, STORE_INHERIT, uuid, "%s/uuid", vm);
    store_put(w, STORE_INHERIT, n->name, "%s/name", vm);
    store_put_number(w, STORE_INHERIT, n->target_kib, "%s/memory", vm);
    store_put_number(w, STORE_INHERIT, (uint64_t)time(NULL), "%s/start_time",
                     vm);
}

/* For who asks later. Xenstored would refuse what is longer than a page. */
static void put_image_node(struct store_writer *w, const char *vm,
                           const char *what, const char *value)
{
    if (value && strlen(value) < IMAGE_NODE_MAX) {
        store_put(w, STORE_INHERIT, value, "%s/image/%s", vm, what);
    }
}

static void put_image(struct store_writer *w, const struct guest_nodes *n)
{
    char uuid[UUID_TEXT_SIZE], vm[STORE_PATH_MAX];

    uuid_text(n->uuid, uuid);
    snprintf(vm, sizeof(vm), "/vm/%s", uuid);
    put_image_node(w, vm, "kernel", n->kernel);
    put_image_node(w, vm, "ramdisk", n->ramdisk);
    put_image_node(w, vm, "cmdline", n->cmdline);
}

static void put_memory(struct store_writer *w, const struct guest_nodes *n,
                       const char *home)
{
    store_put_number(w, STORE_INHERIT, n->max_kib, "%s/memory/static-max",
                     home);
    store_put_number(w, STORE_INHERIT, n->target_kib, "%s/memory/target", home);
    store_put_number(w, STORE_INHERIT, 0, "%s/memory/videoram", home);
}

static void put_vcpus(struct store_writer *w, const struct guest_nodes *n,
                      const char *home)
{
    for (uint32_t i = 0; i < n->vcpus_max; i++) {
        store_put(w, STORE_INHERIT, i < n->vcpus ? "online" : "offline",
                  "%s/cpu/%u/availability", home, i);
    }
}

/* Nodes that the guest writes, empty for now. */
static void put_guest_areas(struct store_writer *w, const char *home)
{
    static const char *const writable[] = {
        "control/shutdown",
        "control/sysrq",
        "control/feature-poweroff",
        "control/feature-reboot",
        "control/feature-suspend",
        "device/suspend/event-channel",
        "data",
        "drivers",
        "feature",
        "attr",
        "error",
    };

    store_put(w, STORE_INHERIT, "", "%s/control", home);
    store_put(w, STORE_INHERIT, "", "%s/device", home);
    for (size_t i = 0; i < sizeof(writable) / sizeof(writable[0]); i++) {
        store_put(w, STORE_GUEST_WRITE, "", "%s/%s", home, writable[i]);
    }
    store_put(w, STORE_INHERIT, "1",
              "%s/control/platform-feature-multiprocessor-suspend", home);
    store_put(w, STORE_INHERIT, "1",
              "%s/control/platform-feature-xs_reset_watches", home);
}

static void put_rings(struct store_writer *w, const struct guest_nodes *n,
                      const char *home)
{
    store_put_number(w, STORE_INHERIT, n->store_port, "%s/store/port", home);
    store_put_number(w, STORE_INHERIT, n->store_gfn, "%s/store/ring-ref", home);
    /* The console's node is complete before xenconsoled hears of the guest. */
    store_put_number(w, STORE_INHERIT, n->console_port, "%s/console/port",
                     home);
    store_put_number(w, STORE_INHERIT, n->console_gfn, "%s/console/ring-ref",
                     home);
    store_put_number(w, STORE_INHERIT, CONSOLE_LOG_LIMIT, "%s/console/limit",
                     home);
    store_put(w, STORE_INHERIT, "xenconsoled", "%s/console/type", home);
    store_put(w, STORE_INHERIT, "pty", "%s/console/output", home);
    store_put(w, STORE_INHERIT, "", "%s/console/tty", home);
}

static void put_tool_nodes(struct store_writer *w, const struct guest_nodes *n)
{
    store_put(w, STORE_DOM0_ONLY, "", "/libxl/%u", n->domid);
    store_put(w, STORE_INHERIT, "pvh", "/libxl/%u/type", n->domid);
    store_put(w, STORE_INHERIT, "none", "/libxl/%u/dm-version", n->domid);
    /* For "ballooned": what was promised at creation, and what came on top. */
    store_put_number(w, STORE_INHERIT, n->max_kib, "/libxl/%u/ram-kib",
                     n->domid);
    store_put_number(w, STORE_INHERIT, n->extra_kib, "/libxl/%u/extra-kib",
                     n->domid);
}

static void put_all(struct store_writer *w, const void *arg)
{
    const struct guest_nodes *n = arg;
    char home[STORE_PATH_MAX];

    snprintf(home, sizeof(home), "/local/domain/%u", n->domid);
    put_identity(w, n, home);
    put_image(w, n);
    put_memory(w, n, home);
    put_vcpus(w, n, home);
    put_guest_areas(w, home);
    put_rings(w, n, home);
    put_tool_nodes(w, n);
}

int guest_nodes_create(struct xc *xc, const struct guest_nodes *nodes)
{
    /* What a domain of this number left, if its tool died in between. */
    int rc = store_remove(xc, "/local/domain/%u", nodes->domid);

    return rc ? rc : store_transaction(xc, nodes->domid, put_all, nodes);
}

/* Other toolstacks write hundredths behind a point as well. */
int xc_domain_start_time(struct xc *xc, uint32_t domid, uint64_t *seconds)
{
    char vm[STORE_PATH_MAX], time[32], *end;
    int rc;

    rc = store_read_string(xc, vm, sizeof(vm), "/local/domain/%u/vm", domid);
    if (!rc) {
        rc = store_read_string(xc, time, sizeof(time), "%s/start_time", vm);
    }
    if (rc) {
        return rc;
    }
    *seconds = strtoull(time, &end, 10);
    if (end == time || (*end && *end != '.')) {
        return xc_fail(xc, -EINVAL, "%s/start_time is not a time", vm);
    }
    return 0;
}

void guest_nodes_remove(struct xc *xc, uint32_t domid,
                        const uint8_t uuid[XC_UUID_BYTES])
{
    char text[UUID_TEXT_SIZE];

    uuid_text(uuid, text);
    store_remove(xc, "/local/domain/%u", domid);
    store_remove(xc, "/libxl/%u", domid);
    store_remove(xc, "/vm/%s", text);
}
