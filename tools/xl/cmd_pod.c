/* SPDX-License-Identifier: MIT */
/*
 * pod: how far promises are kept, what would help a guest that waits, what was
 * done for it, and whether the hypervisor's books about it are in order.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmdtable.h"
#include "domain_json.h"
#include "domainarg.h"
#include "json.h"
#include "size.h"
#include "table.h"

static const struct table_column pod_columns[] = {
    {"Name", TABLE_LEFT},
    {"ID", TABLE_RIGHT},
    {"Max(KiB)", TABLE_RIGHT},
    {"Target(KiB)", TABLE_RIGHT},
    {"Populated(KiB)", TABLE_RIGHT},
    {"Promised(KiB)", TABLE_RIGHT},
    {"Cached(KiB)", TABLE_RIGHT},
    {"Deficit(KiB)", TABLE_RIGHT},
    {"Ballooned(KiB)", TABLE_RIGHT},
    {"Swept(KiB)", TABLE_RIGHT},
    {"Claimed(KiB)", TABLE_RIGHT},
    {"Borrowed(KiB)", TABLE_RIGHT},
    {"Waiting", TABLE_RIGHT},
};

#define POD_COLUMN_COUNT (sizeof(pod_columns) / sizeof(pod_columns[0]))

static void add_kib(struct table *t, uint64_t kib)
{
    table_add(t, "%lu", (unsigned long)kib);
}

static void add_if_known(struct table *t, uint64_t kib)
{
    if (kib) {
        add_kib(t, kib);
    } else {
        table_add(t, "-");
    }
}

/* Zero pages that were taken back; only our own hypervisor counts them. */
static void add_swept(struct table *t, struct xc *xc, uint32_t domid)
{
    struct xc_counter list[XC_POD_COUNTERS];
    int count = xc_pod_counters(xc, domid, list);

    if (count < 0) {
        table_add(t, "-");
    } else {
        add_kib(t, xc_counter_value(list, count, "reclaimed_4k") * 4 +
                       xc_counter_value(list, count, "reclaimed_2m") * 2048);
    }
}

static void add_policy(struct table *t, const struct xc_pod *pod)
{
    if (pod->has_policy) {
        add_kib(t, pod->claimed_kib);
        add_kib(t, pod->borrowed_kib);
        table_add(t, "%u", pod->waiting_vcpus);
    } else {
        table_add(t, "-");
        table_add(t, "-");
        table_add(t, "-");
    }
}

static void add_pod(struct table *t, struct xc *xc, uint32_t domid,
                    const struct xc_pod *pod)
{
    char name[XC_NAME_MAX];

    domain_name_of(xc, domid, name);
    table_add(t, "%s", name);
    table_add(t, "%u", domid);
    add_if_known(t, pod->static_max_kib);
    add_if_known(t, pod->target_kib);
    add_kib(t, pod->populated_kib);
    add_kib(t, pod->promised_kib);
    add_kib(t, pod->cached_kib);
    add_kib(t, pod->deficit_kib);
    add_kib(t, pod->ballooned_kib);
    add_swept(t, xc, domid);
    add_policy(t, pod);
}

static uint64_t mib_up(uint64_t kib)
{
    return (kib + KIB_PER_MIB - 1) / KIB_PER_MIB;
}

/* What to do for a guest that waits; to the MiB, as mem-set counts. */
static void print_hint(struct xc *xc, uint32_t domid, const struct xc_pod *pod)
{
    char name[XC_NAME_MAX];

    domain_name_of(xc, domid, name);
    printf("%s: %u vCPU%s for memory: \"xl mem-set %s %lu\" would let %s go "
           "on, \"xl mem-set %s %lu\" would keep all promises (MiB)\n",
           name, pod->waiting_vcpus,
           pod->waiting_vcpus == 1 ? " waits" : "s wait", name,
           (unsigned long)mib_up(pod->next_target_kib),
           pod->waiting_vcpus == 1 ? "it" : "them", name,
           (unsigned long)mib_up(pod->all_target_kib));
}

static void print_hints(struct xc *xc, const struct xc_domain *list,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct xc_pod pod;

        if (!xc_pod_info(xc, list[i].domid, &pod) && pod.next_target_kib) {
            print_hint(xc, list[i].domid, &pod);
        }
    }
}

/* What -l prints of a domain: what the table has, and every counter. */
static void put_counters(struct json *j, struct xc *xc, uint32_t domid)
{
    struct xc_counter list[XC_POD_COUNTERS];
    int count = xc_pod_counters(xc, domid, list);

    if (count < 0) {
        json_null(j, "counters");
        return;
    }
    json_object_begin(j, "counters");
    for (int i = 0; i < count; i++) {
        json_number(j, list[i].name, list[i].value);
    }
    json_object_end(j);
}

static void put_if_known(struct json *j, const char *key, uint64_t kib)
{
    if (kib) {
        json_number(j, key, kib);
    } else {
        json_null(j, key);
    }
}

static void put_pod(struct json *j, struct xc *xc, uint32_t domid,
                    const struct xc_pod *pod)
{
    char name[XC_NAME_MAX];

    domain_name_of(xc, domid, name);
    json_object_begin(j, NULL);
    json_string(j, "name", name);
    json_number(j, "domid", domid);
    put_if_known(j, "max_memkb", pod->static_max_kib);
    put_if_known(j, "target_memkb", pod->target_kib);
    domain_json_pod(j, pod);
    put_counters(j, xc, domid);
    json_object_end(j);
}

/* Where rows go: the one or the other. */
struct listing {
    struct table *table;
    struct json *json;
};

static void add_row(const struct listing *to, struct xc *xc, uint32_t domid,
                    const struct xc_pod *pod)
{
    if (to->json) {
        put_pod(to->json, xc, domid, pod);
    } else {
        add_pod(to->table, xc, domid, pod);
    }
}

/*
 * Domain 0 is promised nothing, so it is shown only to those who ask for it.
 * A domain that went away since the list was made is left out.
 */
static int add_domains(const struct listing *to, struct xc *xc,
                       const struct xc_domain *list, size_t count, bool asked)
{
    for (size_t i = 0; i < count; i++) {
        struct xc_pod pod;
        int rc;

        if ((!list[i].domid || list[i].dying) && !asked) {
            continue;
        }
        rc = xc_pod_info(xc, list[i].domid, &pod);
        if (rc == -ESRCH && !asked) {
            continue;
        }
        if (rc) {
            return failed(xc, "cannot read the memory state of domain %u",
                          list[i].domid);
        }
        add_row(to, xc, list[i].domid, &pod);
    }
    return XL_OK;
}

static int show_table(struct xc *xc, const struct xc_domain *list, size_t count,
                      bool asked)
{
    struct table t;
    int status;

    table_init(&t, pod_columns, POD_COLUMN_COUNT);
    status =
        add_domains(&(struct listing){.table = &t}, xc, list, count, asked);
    if (status == XL_OK) {
        table_print(&t, stdout);
        print_hints(xc, list, count);
    }
    table_free(&t);
    return status;
}

static int show_json(struct xc *xc, const struct xc_domain *list, size_t count,
                     bool asked)
{
    struct json j;
    int status;

    json_start(&j, stdout);
    json_array_begin(&j, NULL);
    status = add_domains(&(struct listing){.json = &j}, xc, list, count, asked);
    json_array_end(&j);
    json_finish(&j);
    return status;
}

static void print_frame(const char *what, uint64_t frame)
{
    if (frame != XC_AUDIT_NONE) {
        printf(", %s 0x%llx", what, (unsigned long long)frame);
    }
}

static void print_difference(const struct xc_audit *a)
{
    printf("  %s: %s", a->invariant, a->what);
    if (a->at_domain) {
        printf(", domain %u", a->domid);
    }
    print_frame("gfn", a->gfn);
    print_frame("mfn", a->mfn);
    printf(": found %llu (0x%llx), expected %llu (0x%llx)\n",
           (unsigned long long)a->found, (unsigned long long)a->found,
           (unsigned long long)a->expected, (unsigned long long)a->expected);
}

/* name: whose books. Differences are a failure, for scripts. */
static int audit_one(struct xc *xc, const char *name, uint32_t domid)
{
    struct xc_audit a;

    if (xc_audit(xc, domid, &a)) {
        return failed(xc, "cannot audit '%s'", name);
    }
    printf("%s: %u difference%s\n", name, a.differences,
           a.differences == 1 ? "" : "s");
    if (!a.differences) {
        return XL_OK;
    }
    print_difference(&a);
    if (a.differences > 1) {
        printf("  the others are in \"xl dmesg\"\n");
    }
    return XL_FAILED;
}

static int audit(struct xc *xc, const struct args *args)
{
    int status = XL_OK;

    if (!args->word_count) {
        return audit_one(xc, "the host and all domains", XC_AUDIT_ALL);
    }
    for (int i = 0; i < args->word_count; i++) {
        uint32_t domid;

        if (!domain_find(xc, args->words[i], &domid)) {
            return XL_FAILED;
        }
        status |= audit_one(xc, args->words[i], domid);
    }
    return status;
}

int cmd_pod(struct xc *xc, const struct args *args)
{
    bool asked = args->word_count > 0;
    struct xc_domain *list;
    size_t count;
    int status;

    if (arg_given(args, 'a')) {
        return audit(xc, args);
    }
    if (!domain_select(xc, args, &list, &count)) {
        return XL_FAILED;
    }
    status = arg_given(args, 'l') ? show_json(xc, list, count, asked)
                                  : show_table(xc, list, count, asked);
    free(list);
    return status;
}
