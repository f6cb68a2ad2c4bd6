/* SPDX-License-Identifier: MIT */
/*
 * A domain as JSON, in two parts.
 *
 * "config" has the names and places that xl's users know, so that what picks
 * config.c_info.name out of one xl does so out of another. "state" is what
 * list shows as columns, with a name and a unit for each.
 */
#include "domain_json.h"

#include <stdlib.h>

#include "domainarg.h"
#include "message.h"
#include "uuid.h"

/* A node of the domain's /vm directory as a string, if it is there. */
static void put_node(struct json *j, struct xc *xc, const char *key,
                     const char *vm, const char *node)
{
    char *path = must_format("%s/%s", vm, node), *value;

    if (!xc_store_read(xc, path, &value)) {
        json_string(j, key, value);
        free(value);
    }
    free(path);
}

static void put_image(struct json *j, struct xc *xc, uint32_t domid)
{
    char *path = must_format("/local/domain/%u/vm", domid), *vm;

    if (!xc_store_read(xc, path, &vm)) {
        put_node(j, xc, "kernel", vm, "image/kernel");
        put_node(j, xc, "ramdisk", vm, "image/ramdisk");
        put_node(j, xc, "cmdline", vm, "image/cmdline");
        free(vm);
    }
    free(path);
}

static void put_vcpus(struct json *j, struct xc *xc, const struct xc_domain *d)
{
    json_number(j, "max_vcpus", d->max_vcpus);
    json_array_begin(j, "avail_vcpus");
    for (uint32_t i = 0; i < d->max_vcpus; i++) {
        struct xc_vcpu v;

        if (!xc_vcpu_info(xc, d->domid, i, &v) && v.online) {
            json_number(j, NULL, i);
        }
    }
    json_array_end(j);
}

static void put_config(struct json *j, struct xc *xc, const struct xc_domain *d)
{
    char name[XC_NAME_MAX], uuid[UUID_TEXT_SIZE];
    bool is_named = domain_name_of(xc, d->domid, name);
    struct xc_memory memory;

    uuid_format(d->uuid, uuid);
    json_object_begin(j, "config");
    json_object_begin(j, "c_info");
    json_string(j, "type", d->hvm ? "pvh" : "pv");
    if (is_named) {
        json_string(j, "name", name);
    }
    json_string(j, "uuid", uuid);
    json_object_end(j);
    json_object_begin(j, "b_info");
    put_vcpus(j, xc, d);
    if (!xc_memory_get(xc, d->domid, &memory)) {
        json_number(j, "max_memkb", memory.static_max_kib);
        json_number(j, "target_memkb", memory.target_kib);
    }
    put_image(j, xc, d->domid);
    json_object_end(j);
    json_object_end(j);
}

static void put_state(struct json *j, const struct xc_domain *d)
{
    json_object_begin(j, "state");
    json_bool(j, "running", d->running);
    json_bool(j, "blocked", d->blocked);
    json_bool(j, "paused", d->paused);
    json_bool(j, "shutdown", d->shutdown);
    json_string(j, "shutdown_reason",
                d->shutdown ? xc_shutdown_name(d->shutdown_code) : NULL);
    json_bool(j, "dying", d->dying);
    json_number(j, "online_vcpus", d->online_vcpus);
    json_number(j, "cpu_time_ns", d->cpu_time_ns);
    json_number(j, "cpupool", d->cpupool);
    json_number(j, "current_memkb", d->current_kib);
    json_number(j, "limit_memkb", d->max_kib);
    json_number(j, "claimed_memkb", d->outstanding_kib);
    json_number(j, "shared_memkb", d->shared_kib);
    json_object_end(j);
}

static void put_policy(struct json *j, const struct xc_pod *pod)
{
    json_string(j, "mode", pod->on_demand ? "on-demand" : "reserved");
    json_number(j, "claimed_memkb", pod->claimed_kib);
    json_string(j, "on_empty", xc_on_empty_name(pod->on_empty));
    json_number(j, "borrowed_memkb", pod->borrowed_kib);
    json_number(j, "borrow_limit_memkb", pod->borrow_limit_kib);
    json_number(j, "waiting_vcpus", pod->waiting_vcpus);
    json_number(j, "waits", pod->waits);
    json_number(j, "waits_at", pod->waits_at);
    json_number(j, "next_target_memkb", pod->next_target_kib);
    json_number(j, "all_target_memkb", pod->all_target_kib);
}

void domain_json_pod(struct json *j, const struct xc_pod *pod)
{
    json_number(j, "populated_memkb", pod->populated_kib);
    json_number(j, "promised_memkb", pod->promised_kib);
    json_number(j, "cached_memkb", pod->cached_kib);
    json_number(j, "deficit_memkb", pod->deficit_kib);
    json_number(j, "ballooned_memkb", pod->ballooned_kib);
    if (pod->has_policy) {
        put_policy(j, pod);
    }
}

/* What pod shows; of domain 0 there is nothing to show. */
static void put_pod(struct json *j, struct xc *xc, uint32_t domid)
{
    struct xc_pod pod;

    if (domid == 0 || xc_pod_info(xc, domid, &pod)) {
        return;
    }
    json_object_begin(j, "pod");
    domain_json_pod(j, &pod);
    json_object_end(j);
}

void domain_json(struct json *j, struct xc *xc, const struct xc_domain *d)
{
    json_object_begin(j, NULL);
    json_number(j, "domid", d->domid);
    put_config(j, xc, d);
    put_state(j, d);
    put_pod(j, xc, d->domid);
    json_object_end(j);
}
