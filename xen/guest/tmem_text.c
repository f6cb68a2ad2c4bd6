/* SPDX-License-Identifier: MIT */
/*
 * One letter for the kind of a line, two for each number; programs know them
 * by these names, so a name is never used for something else. Nothing is
 * stopped while numbers are read: they are a moment old, and those of one line
 * fit together as far as the core sees to it.
 *
 *   G host, S shared pool, C client, P its private pools, T times
 */
#include "guest/tmem_text.h"

#include "domain/tmem_client.h"
#include "guest/copy.h"
#include "guest/tmem_time.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "types/error.h"

#define LINE_LIMIT   1024 /* the longest, of a shared pool, is cut there */
#define KIB_PER_PAGE 4

struct out {
    struct vcpu *caller;
    uint64_t gva;
    uint32_t room; /* without the final 0 */
    uint32_t used;
    int rc;
    bool all_numbers;
    size_t length; /* of the line that is being made */
    char line[LINE_LIMIT];
};

printf_like(2, 3) static void add(struct out *o, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    o->length +=
        format_text_v(o->line + o->length, LINE_LIMIT - o->length, fmt, args);
    va_end(args);
    o->length = MIN(o->length, (size_t)LINE_LIMIT - 1);
}

static void add_number(struct out *o, const char *tag, uint64_t value)
{
    add(o, ",%s:%lu", tag, value);
}

static void end_line(struct out *o)
{
    o->length = MIN(o->length, (size_t)LINE_LIMIT - 2);
    add(o, "\n");
    if (!o->rc && o->length > o->room - o->used) {
        o->rc = -ENOBUFS;
    }
    if (!o->rc) {
        o->rc = copy_to_guest(o->caller, o->gva + o->used, o->line, o->length);
        o->used += (uint32_t)o->length;
    }
    o->length = 0;
}

static void host_line(struct out *o)
{
    struct tmem_info i;

    tmem_look(&i);
    add(o, "G=Tt:%lu", i.n.ops);
    add_number(o, "Te", i.n.errors);
    add_number(o, "Cf", tmem_time_failed_copies());
    add_number(o, "Af", i.n.records_failed);
    add_number(o, "Pf", i.n.frames_failed);
    add_number(o, "Ta", i.free_frames);
    add_number(o, "Lm", i.n.low_memory);
    add_number(o, "Et", i.n.evicted_pages);
    add_number(o, "Ea", i.n.evict_attempts);
    add_number(o, "Rt", i.n.relinquished);
    add_number(o, "Ra", i.n.relinquish_attempts);
    add_number(o, "Rx", i.n.relinquish_max);
    add_number(o, "Fp", i.n.pool_flushes);
    if (o->all_numbers) {
        add_number(o, "Ec", i.ephemeral_pages);
        add_number(o, "Em", i.ephemeral_max);
        add_number(o, "Oc", i.objects);
        add_number(o, "Om", i.objects_max);
        add_number(o, "Nc", 0); /* there are no index nodes */
        add_number(o, "Nm", 0);
        add_number(o, "Pc", i.ephemeral_pages + i.persistent_pages);
        add_number(o, "Pm", i.ephemeral_max + i.persistent_max);
        add_number(o, "Fc", i.frames);
        add_number(o, "Fm", i.frames_max);
        add_number(o, "Sc", i.contents);
        add_number(o, "Sm", i.contents);
        add_number(o, "Ep", i.n.ephemeral_puts);
        add_number(o, "Gd", i.n.deduped_puts);
        add_number(o, "Zt", i.n.form_bytes[TMEM_TAIL]);
        add_number(o, "Gz", i.n.form_bytes[TMEM_LZ4]);
    }
    end_line(o);
}

static void add_kind(struct out *o, const struct tmem_pool_info *i)
{
    add(o, ",PT:%c%c,U0:%lx,U1:%lx", i->flags & TMEM_PERSISTENT ? 'P' : 'E',
        i->flags & TMEM_SHARED ? 'S' : 'P', i->uuid.word[0], i->uuid.word[1]);
}

static void add_pool_numbers(struct out *o, const struct tmem_pool_info *i)
{
    add_number(o, "Pc", i->n.pages);
    add_number(o, "Pm", i->n.pages_max);
    add_number(o, "Oc", i->n.objects);
    add_number(o, "Om", i->n.objects_max);
    add_number(o, "Nc", 0);
    add_number(o, "Nm", 0);
    add_number(o, "ps", i->n.puts_good);
    add_number(o, "pt", i->n.puts);
    add_number(o, "pd", i->n.dup_dropped);
    add_number(o, "pr", i->n.dup_replaced);
    add_number(o, "px", i->n.puts_no_memory);
    add_number(o, "gs", i->n.gets_hit);
    add_number(o, "gt", i->n.gets);
    add_number(o, "fs", i->n.flushes_hit);
    add_number(o, "ft", i->n.flushes);
    add_number(o, "os", i->n.object_flushes_hit);
    add_number(o, "ot", i->n.object_flushes);
}

static uint64_t cycles_of(const struct domain *d)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < d->max_vcpus; i++) {
        sum += READ_ONCE(d->vcpus[i]->tmem_ticks);
    }
    return sum;
}

static void client_line(struct out *o, struct domain *d)
{
    struct tmem_client_info i;

    tmem_client_look(tmem_client_of(d), &i);
    add(o, "C=CI:%u", d->id);
    add_number(o, "ww", i.settings.weight);
    add_number(o, "ca", i.settings.ephemeral_cap * KIB_PER_PAGE);
    add_number(o, "co", i.settings.compress);
    add_number(o, "fr", i.frozen);
    add_number(o, "Tc", cycles_of(d));
    add_number(o, "Ge", i.n.ephemeral_gets);
    add_number(o, "Pp", i.n.persistent_puts);
    add_number(o, "Gp", i.n.persistent_gets);
    if (o->all_numbers) {
        add_number(o, "Ec", i.n.ephemeral_pages);
        add_number(o, "Em", i.n.ephemeral_max);
        add_number(o, "cp", i.n.compressed_pages);
        add_number(o, "cb", i.n.compressed_bytes);
        add_number(o, "cn", i.n.compressed_poorly);
        add_number(o, "cm", i.n.no_memory);
    }
    end_line(o);
}

static void client_lines(struct out *o, struct domain *d)
{
    struct tmem_client *c = tmem_client_of(d);

    client_line(o, d);
    for (uint32_t id = 0; id < TMEM_POOLS; id++) {
        struct tmem_pool_info i;

        if (tmem_pool_look(c, id, &i) || (i.flags & TMEM_SHARED)) {
            continue;
        }
        add(o, "P=CI:%u,PI:%u", d->id, id);
        add_kind(o, &i);
        if (o->all_numbers) {
            add_pool_numbers(o, &i);
        }
        end_line(o);
    }
}

/* Does something for each client, with it entered, until it returns true. */
typedef bool client_fn(struct out *o, struct domain *d, void *arg);

static void for_each_client(struct out *o, client_fn *fn, void *arg)
{
    struct domain *d = domain_get_next(0);
    bool done = false;

    while (d) {
        domid_t next = d->id + 1;
        struct tmem_client *c;

        if (!tmem_client_enter(d, false, &c)) {
            done = fn(o, d, arg);
            tmem_client_leave(d);
        }
        domain_put(d);
        d = done ? NULL : domain_get_next(next);
    }
}

static bool one_client(struct out *o, struct domain *d, void *arg)
{
    (void)arg;
    client_lines(o, d);
    return false;
}

/* A shared pool has a line where it is met first: by the client with the lowest
 * id that joined it. */
struct shared {
    struct tmem_uuid uuid;
    bool found;         /* by a client that was met before */
    struct domain *but; /* that is not looked at, nor what comes after it */
};

static bool has_pool(struct tmem_client *c, struct tmem_uuid uuid,
                     uint32_t before)
{
    for (uint32_t id = 0; id < before; id++) {
        struct tmem_pool_info i;

        if (!tmem_pool_look(c, id, &i) && (i.flags & TMEM_SHARED) &&
            i.uuid.word[0] == uuid.word[0] && i.uuid.word[1] == uuid.word[1]) {
            return true;
        }
    }
    return false;
}

static bool look_before(struct out *o, struct domain *d, void *arg)
{
    struct shared *s = arg;

    (void)o;
    if (d == s->but) {
        return true;
    }
    s->found = has_pool(tmem_client_of(d), s->uuid, TMEM_POOLS);
    return s->found;
}

static bool add_sharer(struct out *o, struct domain *d, void *arg)
{
    struct shared *s = arg;

    if (has_pool(tmem_client_of(d), s->uuid, TMEM_POOLS)) {
        add_number(o, "SC", d->id);
    }
    return false;
}

static bool shared_pools(struct out *o, struct domain *d, void *arg)
{
    unsigned *count = arg;
    struct tmem_client *c = tmem_client_of(d);

    for (uint32_t id = 0; id < TMEM_POOLS; id++) {
        struct tmem_pool_info i;
        struct shared s;

        if (tmem_pool_look(c, id, &i) || !(i.flags & TMEM_SHARED) ||
            has_pool(c, i.uuid, id)) {
            continue;
        }
        s = (struct shared){.uuid = i.uuid, .but = d};
        for_each_client(o, look_before, &s);
        if (s.found) {
            continue;
        }
        add(o, "S=SI:%u", (*count)++);
        add_kind(o, &i);
        for_each_client(o, add_sharer, &s);
        if (o->all_numbers) {
            add_pool_numbers(o, &i);
        }
        end_line(o);
    }
    return false;
}

static void add_time(struct out *o, char kind, struct tmem_time t)
{
    add(o, "%s%cn:%lu,%ct:%lu,%cx:%lu,%cm:%lu", kind == 'G' ? "T=" : ",", kind,
        t.count, kind, t.sum, kind, t.most, kind, t.least);
}

/* In Xen's order. Compression and copies are part of the calls here, and not
 * timed apart. */
static void time_line(struct out *o)
{
    static const char kinds[TMEM_TIMED] = {'G', 'P', 'g', 'p', 'F', 'O'};
    const struct tmem_time none = {0};

    for (unsigned k = 0; k < TMEM_TIMED; k++) {
        add_time(o, kinds[k], tmem_time_sum((enum tmem_timed)k));
    }
    add_time(o, 'C', none);
    add_time(o, 'c', none);
    add_time(o, 'd', none);
    end_line(o);
}

static void all_lines(struct out *o)
{
    unsigned shared = 0;

    host_line(o);
    for_each_client(o, shared_pools, &shared);
    for_each_client(o, one_client, NULL);
    time_line(o);
}

int tmem_text_write(struct vcpu *caller, struct domain *d, bool all_numbers,
                    uint64_t gva, uint32_t length)
{
    struct out o = {
        .caller = caller,
        .gva = gva,
        .room = length - 1,
        .all_numbers = all_numbers,
    };
    int rc;

    if (!length) {
        return -ENOBUFS;
    }
    if (d) {
        client_lines(&o, d);
    } else {
        all_lines(&o);
    }
    rc = copy_to_guest(caller, gva + o.used, "", 1);
    return rc ? rc : o.rc;
}
