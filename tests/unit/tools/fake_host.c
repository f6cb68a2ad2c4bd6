/* SPDX-License-Identifier: MIT */
#include "fake_host.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/event_channel.h>
#include <xen/hvm/save.h>
#include <xen/memory.h>
#include <xen/version.h>

#include "libxc/foreign.h"
#include "libxc/handle.h"
#include "libxc/podium_calls.h"
#include "libxc/store.h"
#include "libxc/transport.h"
#include "public/podium.h"

struct fake_host host;

void fake_host_reset(void)
{
    memset(&host, 0, sizeof(host));
    host.free_pages = 1u << 20;
    host.fail_with = -ENOMEM;
    host.dom0_pages = 1u << 17;
    host.vcpu_count = FAKE_VCPUS;
    host.commandline = "";
    memset(host.hard, 0xff, sizeof(host.hard));
    memset(host.soft, 0xff, sizeof(host.soft));
}

void fake_host_guest(void)
{
    host.exists = true;
    host.total = 1u << 15;
    host.free_pages -= host.total;
    host.max_pages = 1u << 16;
    fake_store_write("/local/domain/7/name", "guest");
    fake_store_write("/local/domain/7/vm", "/vm/u");
    fake_store_write("/local/domain/7/control/feature-poweroff", "1");
    fake_store_write("/local/domain/7/control/feature-reboot", "1");
}

static bool fails(void)
{
    return ++host.calls == host.fail_at;
}

static int wrong(void)
{
    host.wrong++;
    return -EINVAL;
}

/* ---- memory_op --------------------------------------------------------- */

static int take_pages(uint64_t count)
{
    if (host.total + count > host.max_pages || count > host.free_pages) {
        return -ENOMEM;
    }
    host.total += count;
    host.free_pages -= count;
    return 0;
}

static int populate_one(uint64_t gfn, unsigned int order, bool pod)
{
    uint64_t count = 1ull << order;

    if (gfn % count || (order && host.no_large_pages)) {
        return -EINVAL;
    }
    if (pod) {
        host.entries += count;
    } else if (take_pages(count)) {
        return -ENOMEM;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (gfn + i >= FAKE_FRAMES) {
            continue;
        }
        host.frames[gfn + i]++;
    }
    return 0;
}

static int populate(const struct xen_memory_reservation *r)
{
    const xen_pfn_t *list = r->extent_start.p;
    bool pod = r->mem_flags & XENMEMF_populate_on_demand;

    host.populate_calls++;
    for (unsigned int i = 0; i < r->nr_extents; i++) {
        if (populate_one(list[i], r->extent_order, pod)) {
            return (int)i;
        }
    }
    return (int)r->nr_extents;
}

static int claim(uint64_t pages)
{
    if (pages == 0) {
        host.claim = 0;
        return 0;
    }
    if (pages <= host.total || pages > host.max_pages) {
        return wrong();
    }
    if (pages - host.total > host.free_pages) {
        return -ENOMEM;
    }
    host.claim = pages;
    host.claimed_ever = true;
    return 0;
}

static int set_pod_target(struct xen_pod_target *t)
{
    int rc;

    if (t->target_pages > host.max_pages) {
        return wrong();
    }
    host.pod_target = t->target_pages;
    if (host.policy.mode == PODIUM_POD_ON_DEMAND) {
        return t->target_pages > host.free_pages ? -ENOMEM : 0;
    }
    if (t->target_pages <= host.total) {
        return 0;
    }
    rc = take_pages(t->target_pages - host.total);
    if (!rc) {
        host.cache = t->target_pages;
    }
    return rc;
}

static int get_pod_target(struct xen_pod_target *t)
{
    t->tot_pages = host.total;
    t->pod_cache_pages = host.cache;
    t->pod_entries = host.entries;
    return 0;
}

static int set_size(const struct podium_new_size *s)
{
    uint64_t growth = s->target > host.total ? s->target - host.total : 0;

    if (!host.podium || s->target > s->max_pages) {
        return wrong();
    }
    if (growth + s->claim > host.free_pages) {
        return -ENOMEM;
    }
    host.max_pages = s->max_pages;
    host.pod_target = s->target;
    host.claim = s->claim;
    host.claimed_ever = host.claimed_ever || s->claim;
    if (host.policy.mode == PODIUM_POD_ON_DEMAND) {
        return 0; /* the growth is a claim, of which we keep no book */
    }
    if (growth && !take_pages(growth)) {
        host.cache = s->target;
    }
    return 0;
}

static int get_size(struct podium_size *s)
{
    if (!host.podium) {
        return wrong();
    }
    s->charged = s->domid ? host.total : host.dom0_pages;
    s->cached = s->domid ? host.cache : 0;
    s->promised = s->domid ? host.entries : 0;
    return 0;
}

int hv_memory(struct xc *xc, unsigned int cmd, void *arg, size_t size)
{
    struct xen_memory_reservation *r = arg;

    /* Releasing a claim cannot fail. */
    if (cmd == XENMEM_claim_pages && r->nr_extents == 0) {
        return claim(0);
    }
    if (fails()) {
        return host.fail_with;
    }
    if (cmd == XENMEM_claim_pages) {
        return claim(r->nr_extents);
    }
    if (cmd == XENMEM_populate_physmap) {
        return populate(r);
    }
    if (cmd == XENMEM_get_pod_target) {
        return get_pod_target(arg);
    }
    if (cmd == PODIUM_MEMORY_get_size) {
        return get_size(arg);
    }
    if (cmd == PODIUM_MEMORY_set_size) {
        return set_size(arg);
    }
    if (cmd == XENMEM_maximum_gpfn) {
        return (int)host.max_gfn;
    }
    return cmd == XENMEM_set_pod_target ? set_pod_target(arg) : 0;
}

/* ---- domctl and the rest ----------------------------------------------- */

static uint8_t *put_record(uint8_t *to, uint16_t type, uint16_t instance,
                           const void *body, uint32_t length)
{
    const struct hvm_save_descriptor d = {type, instance, length};

    memcpy(to, &d, sizeof(d));
    if (length) {
        memcpy(to + sizeof(d), body, length);
    }
    return to + sizeof(d) + length;
}

/* A header, a memory-type record, the registers of each vCPU, an end. */
static int get_context(struct xen_domctl_hvmcontext *c)
{
    const size_t size =
        (3 + host.vcpu_count) * sizeof(struct hvm_save_descriptor) +
        HVM_SAVE_LENGTH(HEADER) + HVM_SAVE_LENGTH(MTRR) +
        host.vcpu_count * HVM_SAVE_LENGTH(CPU);
    HVM_SAVE_TYPE(HEADER) header = {0};
    HVM_SAVE_TYPE(MTRR) mtrr = {0};
    uint8_t *p = c->buffer.p;

    c->size = (uint32_t)size;
    if (!p) {
        return 0;
    }
    p = put_record(p, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header));
    p = put_record(p, HVM_SAVE_CODE(MTRR), 0, &mtrr, sizeof(mtrr));
    for (uint32_t i = 0; i < host.vcpu_count; i++) {
        HVM_SAVE_TYPE(CPU)
        cpu = {.rip = 0x1000 + i,
               .rsp = 0x2000 + i,
               .r15 = 15,
               .cr3 = 0x3000,
               .cs_sel = 0x10,
               .gs_base = 0x4000,
               .shadow_gs = 0x5000,
               .ss_arbytes = i ? 0xf3 : 0x93}; /* the others are outside of
                                                  the kernel */

        p = put_record(p, HVM_SAVE_CODE(CPU), (uint16_t)i, &cpu, sizeof(cpu));
    }
    put_record(p, HVM_SAVE_CODE(END), 0, NULL, 0);
    return 0;
}

static int destroy(void)
{
    host.free_pages += host.total;
    host.total = host.cache = host.entries = host.claim = 0;
    host.exists = false;
    return 0;
}

static void fill_info(struct xen_domctl_getdomaininfo *i, domid_t domid)
{
    *i = (struct xen_domctl_getdomaininfo){
        .domain = domid,
        .tot_pages = domid ? host.total : host.dom0_pages,
        .max_pages = domid ? host.max_pages : FAKE_TOTAL,
        .outstanding_pages = domid ? host.claimed : 0,
        .flags = XEN_DOMINF_hvm_guest |
                 (domid ? XEN_DOMINF_blocked : XEN_DOMINF_running),
        .cpu_time = domid ? 1500000000 : 12300000000,
        .nr_online_vcpus = domid ? 1 : 2,
        .max_vcpu_id = (domid ? host.vcpu_count : 2) - 1,
        .handle = {domid ? 0xab : 0},
    };
}

static int affinity_set(struct xen_domctl_vcpuaffinity *a)
{
    const uint8_t *hard = a->cpumap_hard.bitmap.p;
    const uint8_t *soft = a->cpumap_soft.bitmap.p;
    uint8_t all = (1u << FAKE_CPUS) - 1;

    if (a->vcpu >= host.vcpu_count) {
        return -EINVAL;
    }
    if (((a->flags & XEN_VCPUAFFINITY_HARD) && !(hard[0] & all)) ||
        ((a->flags & XEN_VCPUAFFINITY_SOFT) && !(soft[0] & all))) {
        return -EINVAL;
    }
    if (a->flags & XEN_VCPUAFFINITY_HARD) {
        host.hard[a->vcpu] = hard[0] & all;
    }
    if (a->flags & XEN_VCPUAFFINITY_SOFT) {
        host.soft[a->vcpu] = soft[0] & all;
    }
    host.forced = a->flags & XEN_VCPUAFFINITY_FORCE;
    return 0;
}

static int affinity_get(struct xen_domctl_vcpuaffinity *a)
{
    uint8_t *hard = a->cpumap_hard.bitmap.p, *soft = a->cpumap_soft.bitmap.p;

    if (a->vcpu >= host.vcpu_count) {
        return -EINVAL;
    }
    hard[0] = host.hard[a->vcpu];
    soft[0] = host.soft[a->vcpu];
    return 0;
}

static int vcpu_info(struct xen_domctl_getvcpuinfo *v)
{
    if (v->vcpu >= host.vcpu_count) {
        return -EINVAL;
    }
    v->online = v->vcpu == 0;
    v->blocked = v->vcpu == 0;
    v->cpu = 3;
    v->cpu_time = 1500000000;
    return 0;
}

/* Domain 0 is as it was. */
static int share(struct xen_domctl_scheduler_op *s, uint32_t domid)
{
    struct xen_domctl_sched_credit2 *p = &s->u.credit2;

    if (s->sched_id != XEN_SCHEDULER_CREDIT2) {
        return -EINVAL;
    }
    if (s->cmd == XEN_DOMCTL_SCHEDOP_putinfo) {
        host.weight = domid ? p->weight : host.weight;
        host.cap = domid ? p->cap : host.cap;
        return domid ? 0 : -EPERM;
    }
    p->weight = domid ? host.weight : 256;
    p->cap = domid ? host.cap : 0;
    return 0;
}

static int ratelimit(struct xen_sysctl_scheduler_op *s)
{
    if (s->cpupool_id || s->sched_id != XEN_SCHEDULER_CREDIT2) {
        return -EINVAL;
    }
    if (s->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
        host.ratelimit_us = s->u.sched_credit2.ratelimit_us;
    }
    s->u.sched_credit2.ratelimit_us = host.ratelimit_us;
    return 0;
}

static int domctl(struct xen_domctl *op)
{
    switch (op->cmd) {
    case XEN_DOMCTL_createdomain:
        host.exists = true;
        op->domain = FAKE_DOMID;
        return 0;
    case XEN_DOMCTL_max_mem:
        if (op->domain) {
            host.max_pages = op->u.max_mem.max_memkb / 4;
        }
        return 0;
    case XEN_DOMCTL_gethvmcontext:
        return get_context(&op->u.hvmcontext);
    case XEN_DOMCTL_getdomaininfo:
        fill_info(&op->u.getdomaininfo, op->domain);
        return 0;
    case XEN_DOMCTL_getvcpuinfo:
        return vcpu_info(&op->u.getvcpuinfo);
    case XEN_DOMCTL_scheduler_op:
        return share(&op->u.scheduler_op, op->domain);
    case XEN_DOMCTL_getvcpuaffinity:
        return affinity_get(&op->u.vcpuaffinity);
    case XEN_DOMCTL_setvcpuaffinity:
        return affinity_set(&op->u.vcpuaffinity);
    case PODIUM_DOMCTL_set_scrub_pattern:
        memcpy(&host.scrub_pattern, &op->u, sizeof(host.scrub_pattern));
        return host.running ? -EBUSY : 0;
    case XEN_DOMCTL_sendtrigger:
        if (op->u.sendtrigger.vcpu >= FAKE_VCPUS) {
            return -ESRCH;
        }
        host.trigger = op->u.sendtrigger.trigger + 1;
        return 0;
    default:
        return 0;
    }
}

static bool domain_exists(domid_t domid)
{
    return domid == 0 || (domid == FAKE_DOMID && host.exists);
}

int hv_domctl(struct xc *xc, struct xen_domctl *op)
{
    /* Cleaning up must work, or a test could not tell what was left. */
    if (op->cmd == XEN_DOMCTL_destroydomain) {
        return host.exists ? destroy() : -ESRCH;
    }
    if (op->cmd == XEN_DOMCTL_getdomaininfo && !domain_exists(op->domain)) {
        return -ESRCH;
    }
    if (op->cmd != XEN_DOMCTL_createdomain && !domain_exists(op->domain)) {
        return wrong();
    }
    if (op->cmd != XEN_DOMCTL_getdomaininfo && fails()) {
        return host.fail_with;
    }
    return domctl(op);
}

static int list_domains(struct xen_sysctl_getdomaininfolist *l)
{
    struct xen_domctl_getdomaininfo *infos = l->buffer.p;

    l->num_domains = 0;
    for (domid_t i = l->first_domain; i <= FAKE_DOMID; i++) {
        if (domain_exists(i) && l->num_domains < l->max_domains) {
            fill_info(&infos[l->num_domains++], i);
        }
    }
    return 0;
}

static int physinfo(struct xen_sysctl_physinfo *p)
{
    *p = (struct xen_sysctl_physinfo){
        .nr_cpus = FAKE_CPUS,
        .max_cpu_id = FAKE_CPUS - 1,
        .nr_nodes = 1,
        .threads_per_core = 1,
        .cores_per_socket = FAKE_CPUS,
        .cpu_khz = 2400000,
        .total_pages = FAKE_TOTAL,
        .free_pages = host.free_pages,
        .outstanding_pages = host.claimed,
    };
    return 0;
}

static int topology(struct xen_sysctl_cputopoinfo *t)
{
    xen_sysctl_cputopo_t *list = t->cputopo.p;

    for (uint32_t i = 0; list && i < FAKE_CPUS && i < t->num_cpus; i++) {
        list[i] = (xen_sysctl_cputopo_t){.core = i};
    }
    t->num_cpus = FAKE_CPUS;
    return 0;
}

static int numa(struct xen_sysctl_numainfo *n)
{
    if (n->num_nodes && n->meminfo.p) {
        n->meminfo.p->memsize = (uint64_t)FAKE_TOTAL << 12;
        n->meminfo.p->memfree = host.free_pages << 12;
        *n->distance.p = 10;
    }
    n->num_nodes = 1;
    return 0;
}

static int cpupool(struct xen_sysctl_cpupool_op *p)
{
    uint8_t *map = p->cpumap.bitmap.p;

    if (p->cpupool_id) {
        return -ENOENT;
    }
    p->sched_id = XEN_SCHEDULER_CREDIT2;
    p->n_dom = 1 + host.exists;
    map[0] = (1u << FAKE_CPUS) - 1;
    return 0;
}

/* Each counter is its number times ten. */
static int counters(struct podium_pod_counters *p)
{
    uint64_t *words = (void *)(uintptr_t)p->buffer;

    for (uint32_t i = 0; i < p->count; i++) {
        words[i] = 10 * i;
    }
    return 0;
}

static int audit(struct podium_audit *a)
{
    host.audited = a->domid + 1u;
    *a = (struct podium_audit){
        .domid = a->domid,
        .differences = host.differences,
        .at_domid = a->domid == 0x7ff0 ? 0xffff : a->domid,
        .gfn = UINT64_MAX,
        .mfn = 0x123,
        .found = 3,
        .expected = 17,
        .invariant = "I2",
        .what = "E and what placeholders cover",
    };
    return 0;
}

/* Two CPUs, which did one thing each of either kind. */
static int trace(struct podium_trace *t)
{
    struct podium_trace_record *r = (void *)(uintptr_t)t->buffer;

    if (t->cpu > 1 || t->ring >= PODIUM_TRACE_RING_COUNT) {
        return -EINVAL;
    }
    if (t->flags & PODIUM_TRACE_SET_MASK) {
        host.trace_mask = t->mask;
    }
    t->mask = host.trace_mask;
    t->cpus = 2;
    t->count = 1;
    t->tsc_khz = 1000000; /* a tick is a nanosecond */
    t->tsc_boot = 500;
    *r = (struct podium_trace_record){
        .tsc = 1000000500 + t->cpu * 10ul - t->ring,
        .event = PODIUM_TRACE_HYPERCALL,
        .data = {7 << 16 | 1, 12, 0xabc, 0},
    };
    if (t->ring == PODIUM_TRACE_RING_MEMORY) {
        r->event = t->cpu ? PODIUM_TRACE_P2M_WRITE : PODIUM_TRACE_POPULATE;
        r->data[0] = 7;
        r->data[1] = 0x200;
        r->data[2] = 0x1400;
        r->data[3] = t->cpu ? 9 | 3 << 8 | 1 << 16 : 9;
    }
    return 0;
}

static int podium(struct xen_sysctl *op)
{
    const struct podium_pod_state *asked = (void *)&op->u;

    if (fails()) {
        return host.fail_with;
    }
    if (op->cmd == PODIUM_SYSCTL_pod_policy) {
        memcpy(&host.policy, &op->u, sizeof(host.policy));
    } else if (asked->domid == FAKE_DOMID) {
        memcpy(&op->u, &host.state, sizeof(host.state));
    }
    return 0;
}

static int tmem_list(const struct podium_tmem_control *c)
{
    size_t size = strlen(host.tmem_text) + 1;

    if (size > c->length) {
        return -ENOBUFS;
    }
    memcpy((void *)(uintptr_t)c->buffer, host.tmem_text, size);
    return 0;
}

/* A record to or from the buffer. */
static int tmem_record(const struct podium_tmem_control *c, void *record,
                       size_t size, bool set)
{
    void *buffer = (void *)(uintptr_t)c->buffer;

    if (c->length != size) {
        return wrong();
    }
    memcpy(set ? record : buffer, set ? buffer : record, size);
    return 0;
}

static int tmem(const struct podium_tmem_control *c)
{
    if (!host.podium || c->pad) {
        return wrong();
    }
    host.tmem = *c;
    if (host.no_tmem) {
        return -ENODEV;
    }
    if (c->client != FAKE_DOMID && c->client != PODIUM_TMEM_ALL) {
        return -ENOENT;
    }
    switch (c->command) {
    case PODIUM_TMEM_LIST:
        return tmem_list(c);
    case PODIUM_TMEM_GET_CLIENT_INFO:
    case PODIUM_TMEM_SET_CLIENT_INFO:
        return tmem_record(c, &host.tmem_client, sizeof(host.tmem_client),
                           c->command == PODIUM_TMEM_SET_CLIENT_INFO);
    case PODIUM_TMEM_GET_LIMITS:
    case PODIUM_TMEM_SET_LIMITS:
        return tmem_record(c, &host.tmem_limits, sizeof(host.tmem_limits),
                           c->command == PODIUM_TMEM_SET_LIMITS);
    case PODIUM_TMEM_QUERY_FREEABLE_MB:
        return (int)host.tmem_freeable;
    default:
        return 0;
    }
}

int hv_sysctl(struct xc *xc, struct xen_sysctl *op)
{
    switch (op->cmd) {
    case PODIUM_SYSCTL_pod_counters:
        return counters((void *)&op->u);
    case PODIUM_SYSCTL_audit:
        return audit((void *)&op->u);
    case PODIUM_SYSCTL_trace:
        return trace((void *)&op->u);
    case PODIUM_SYSCTL_pod_policy:
    case PODIUM_SYSCTL_pod_state:
        return host.podium ? podium(op) : wrong();
    case PODIUM_SYSCTL_tmem:
        return tmem((void *)&op->u);
    case XEN_SYSCTL_getdomaininfolist:
        return list_domains(&op->u.getdomaininfolist);
    case XEN_SYSCTL_physinfo:
        return physinfo(&op->u.physinfo);
    case XEN_SYSCTL_cputopoinfo:
        return topology(&op->u.cputopoinfo);
    case XEN_SYSCTL_numainfo:
        return numa(&op->u.numainfo);
    case XEN_SYSCTL_scheduler_op:
        return ratelimit(&op->u.scheduler_op);
    case XEN_SYSCTL_cpupool_op:
        return cpupool(&op->u.cpupool_op);
    default:
        return 0;
    }
}

int hv_version(struct xc *xc, unsigned int cmd, void *arg, size_t size)
{
    switch (cmd) {
    case XENVER_version:
        return 4 << 16 | 17;
    case XENVER_extraversion:
        strncpy(arg, host.podium ? PODIUM_EXTRAVERSION : ".4", size - 1);
        return 0;
    case XENVER_commandline:
        strncpy(arg, host.commandline, size - 1);
        return 0;
    default:
        return 0;
    }
}

int hv_evtchn(struct xc *xc, unsigned int cmd, void *arg, size_t size)
{
    return fails() ? host.fail_with : 0;
}

int hv_hvm(struct xc *xc, unsigned int cmd, void *arg, size_t size)
{
    return fails() ? host.fail_with : 0;
}

void *hv_alloc(struct xc *xc, size_t size)
{
    void *p = fails() ? NULL : calloc(1, size);

    host.buffers += p != NULL;
    return p;
}

void hv_free(struct xc *xc, void *buffer)
{
    host.buffers -= buffer != NULL;
    free(buffer);
}

void hv_close(struct xc *xc)
{
}

/* ---- foreign mappings -------------------------------------------------- */

int foreign_load(struct xc *xc, uint32_t domid, uint64_t gpa, const void *data,
                 uint64_t size)
{
    for (uint64_t at = gpa; at < gpa + size; at += PAGE_BYTES) {
        uint64_t gfn = at / PAGE_BYTES;

        if (gfn < FAKE_FRAMES && !host.frames[gfn]) {
            wrong();
        }
    }
    return fails() ? xc_fail(xc, host.fail_with, "foreign") : 0;
}

int foreign_look(struct xc *xc, uint32_t domid, uint64_t gfn,
                 unsigned int count, struct foreign_view *view)
{
    static uint64_t words[256 * 512];

    if (fails()) {
        return host.fail_with;
    }
    if (gfn + count > host.max_gfn + 1 || count > 256 || host.views) {
        return wrong();
    }
    for (unsigned int i = 0; i < count; i++) {
        uint64_t word = FAKE_WORD(gfn + i);

        for (unsigned int j = 0; word != words[i * 512] && j < 512; j++) {
            words[i * 512 + (j + 1) % 512] = word; /* the first one last */
        }
    }
    host.views++;
    *view = (struct foreign_view){.pages = (uint8_t *)words, .handle = words};
    return 0;
}

void foreign_forget(struct xc *xc, struct foreign_view *view)
{
    host.views--;
}

int foreign_grant(struct xc *xc, uint32_t domid, uint32_t to,
                  const uint64_t *gfns, unsigned int count)
{
    return fails() ? xc_fail(xc, host.fail_with, "grant") : 0;
}

void foreign_close(struct xc *xc)
{
}

/* ---- xenstore ---------------------------------------------------------- */

#define FORMAT_PATH(path, fmt)                                                 \
    do {                                                                       \
        va_list args_;                                                         \
        va_start(args_, fmt);                                                  \
        vsnprintf(path, sizeof(path), fmt, args_);                             \
        va_end(args_);                                                         \
    } while (0)

static char *node_find(const char *path)
{
    for (unsigned int i = 0; i < host.store_count; i++) {
        if (!strcmp(host.store[i].path, path)) {
            return host.store[i].value;
        }
    }
    return NULL;
}

const char *fake_store_read(const char *path)
{
    return node_find(path);
}

void fake_store_write(const char *path, const char *value)
{
    char *old = node_find(path);

    if (!old && host.store_count < FAKE_NODES) {
        snprintf(host.store[host.store_count].path, sizeof(host.store[0].path),
                 "%s", path);
        old = host.store[host.store_count++].value;
    }
    if (old) {
        snprintf(old, sizeof(host.store[0].value), "%s", value);
    }
}

void store_put(struct store_writer *w, enum store_access access,
               const char *value, const char *fmt, ...)
{
    char path[STORE_PATH_MAX];

    FORMAT_PATH(path, fmt);
    fake_store_write(path, value);
}

/* dom0's balloon driver follows at once, as far as it goes. */
static void dom0_follow(uint64_t pages)
{
    pages = pages < host.dom0_stays_above ? host.dom0_stays_above : pages;
    if (pages < host.dom0_pages) {
        host.free_pages += host.dom0_pages - pages;
        host.dom0_pages = pages;
    }
}

void store_put_number(struct store_writer *w, enum store_access access,
                      uint64_t value, const char *fmt, ...)
{
    char path[STORE_PATH_MAX], text[24];

    if (strstr(fmt, "memory/target")) {
        host.store_target = value;
        if (w->domid == 0) {
            dom0_follow(value / 4);
        }
    } else if (strstr(fmt, "memory/static-max")) {
        host.store_max = value;
    } else {
        FORMAT_PATH(path, fmt);
        snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        fake_store_write(path, text);
    }
}

int store_transaction(struct xc *xc, uint32_t domid,
                      void (*body)(struct store_writer *w, const void *arg),
                      const void *arg)
{
    struct store_writer w = {.xc = xc, .domid = domid};

    if (fails()) {
        return xc_fail(xc, host.fail_with, "store");
    }
    body(&w, arg);
    host.nodes = 3;
    return 0;
}

int store_read_number(struct xc *xc, uint64_t *value, const char *fmt, ...)
{
    *value = 0;
    if (strstr(fmt, "memory/target")) {
        *value = host.store_target;
    } else if (strstr(fmt, "memory/static-max")) {
        *value = host.store_max;
    } else if (strstr(fmt, "extra-kib")) {
        *value = host.store_extra;
    }
    return *value ? 0 : -ENOENT;
}

int store_read_string(struct xc *xc, char *value, size_t size, const char *fmt,
                      ...)
{
    char path[STORE_PATH_MAX];
    const char *found;

    FORMAT_PATH(path, fmt);
    found = node_find(path);
    if (!found) {
        return -ENOENT;
    }
    snprintf(value, size, "%s", found);
    return 0;
}

/* Three trees per domain: its home, /libxl and /vm. */
int store_remove(struct xc *xc, const char *fmt, ...)
{
    host.nodes -= host.nodes > 0;
    return 0;
}

int store_introduce(struct xc *xc, uint32_t domid, uint64_t ring_gfn,
                    uint32_t port)
{
    if (fails()) {
        return xc_fail(xc, host.fail_with, "introduce");
    }
    host.introduced = true;
    return 0;
}

void store_release(struct xc *xc, uint32_t domid)
{
    host.introduced = false;
}

int store_watch(struct xc *xc, const char *path)
{
    return 0;
}

int store_wait(struct xc *xc, int timeout_ms)
{
    return -ETIMEDOUT;
}

void store_unwatch(struct xc *xc, const char *path)
{
}

void store_close(struct xc *xc)
{
}

int xc_store_read(struct xc *xc, const char *path, char **value)
{
    const char *found = node_find(path);

    *value = found ? strdup(found) : NULL;
    return found ? 0 : -ENOENT;
}

int xc_store_write(struct xc *xc, const char *path, const char *value)
{
    fake_store_write(path, value);
    return 0;
}
