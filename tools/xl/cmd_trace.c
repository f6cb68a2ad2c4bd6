/* SPDX-License-Identifier: MIT */
/*
 * trace: what the host's CPUs did last. A row for each kind of record says what
 * its four numbers are; text and JSON are made from it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "public/podium.h"

#include "cmdtable.h"
#include "domainarg.h"
#include "json.h"
#include "message.h"

#define NS_PER_S     1000000000ul
#define KIB_PER_PAGE 4
#define VCPU_BITS    16
#define WRITE_TYPE   8 /* bits of PODIUM_TRACE_P2M_WRITE's last number */
#define WRITE_TABLE  16
#define LOW_BYTE     0xffu

enum field_kind {
    FIELD_NONE,
    FIELD_DOMAIN,
    FIELD_VCPU, /* domain and vcpu */
    FIELD_HEX,
    FIELD_COUNT,
    FIELD_ORDER, /* of pages: as a size, in KiB */
    FIELD_ENTRY, /* order, type, is a table */
};

static const struct {
    const char *name;
    struct {
        enum field_kind kind;
        const char *name;
    } fields[4];
} events[PODIUM_TRACE_EVENT_COUNT] = {
    [PODIUM_TRACE_EXIT] = {"exit",
                           {{FIELD_VCPU, NULL},
                            {FIELD_HEX, "reason"},
                            {FIELD_HEX, "rip"},
                            {FIELD_HEX, "detail"}}},
    [PODIUM_TRACE_HYPERCALL] = {"hypercall",
                                {{FIELD_VCPU, NULL},
                                 {FIELD_COUNT, "number"},
                                 {FIELD_HEX, "argument"},
                                 {FIELD_HEX, "result"}}},
    [PODIUM_TRACE_INJECT] = {"inject",
                             {{FIELD_VCPU, NULL}, {FIELD_HEX, "vector"}}},
    [PODIUM_TRACE_SCHED] = {"sched",
                            {{FIELD_VCPU, NULL}, {FIELD_HEX, "before"}}},
    [PODIUM_TRACE_POPULATE] = {"populate",
                               {{FIELD_DOMAIN, NULL},
                                {FIELD_HEX, "gfn"},
                                {FIELD_HEX, "mfn"},
                                {FIELD_ORDER, NULL}}},
    [PODIUM_TRACE_RECLAIM] = {"reclaim",
                              {{FIELD_DOMAIN, NULL},
                               {FIELD_HEX, "gfn"},
                               {FIELD_HEX, "mfn"},
                               {FIELD_ORDER, NULL}}},
    [PODIUM_TRACE_SPLINTER] = {"splinter",
                               {{FIELD_DOMAIN, NULL},
                                {FIELD_HEX, "gfn"},
                                {FIELD_ORDER, NULL},
                                {FIELD_COUNT, "type"}}},
    [PODIUM_TRACE_DECREASE] = {"decrease",
                               {{FIELD_DOMAIN, NULL},
                                {FIELD_HEX, "gfn"},
                                {FIELD_ORDER, NULL},
                                {FIELD_COUNT, "done"}}},
    [PODIUM_TRACE_FLUSH] = {"flush",
                            {{FIELD_DOMAIN, NULL}, {FIELD_COUNT, "waited"}}},
    [PODIUM_TRACE_P2M_WRITE] = {"p2m-write",
                                {{FIELD_DOMAIN, NULL},
                                 {FIELD_HEX, "gfn"},
                                 {FIELD_HEX, "mfn"},
                                 {FIELD_ENTRY, NULL}}},
};

static uint64_t size_kib(uint64_t order)
{
    return order < 32 ? (uint64_t)KIB_PER_PAGE << order : 0;
}

static void print_field(enum field_kind kind, const char *name, uint64_t value)
{
    switch (kind) {
    case FIELD_NONE:
        break;
    case FIELD_DOMAIN:
        printf(" domain %" PRIu64, value);
        break;
    case FIELD_VCPU:
        printf(" domain %" PRIu64 " vcpu %u", value >> VCPU_BITS,
               (unsigned int)(uint16_t)value);
        break;
    case FIELD_HEX:
        printf(" %s 0x%" PRIx64, name, value);
        break;
    case FIELD_COUNT:
        printf(" %s %" PRIu64, name, value);
        break;
    case FIELD_ORDER:
        printf(" size %" PRIu64 " KiB", size_kib(value));
        break;
    case FIELD_ENTRY:
        printf(" size %" PRIu64 " KiB type %" PRIu64 "%s",
               size_kib(value & LOW_BYTE), value >> WRITE_TYPE & LOW_BYTE,
               value >> WRITE_TABLE ? " table" : "");
        break;
    }
}

static void print_record(const struct xc_trace_record *r)
{
    printf("%6" PRIu64 ".%09" PRIu64 " s  cpu %-3u ", r->time_ns / NS_PER_S,
           r->time_ns % NS_PER_S, r->cpu);
    if (r->event >= PODIUM_TRACE_EVENT_COUNT) {
        printf("event %u\n", r->event);
        return;
    }
    printf("%-9s", events[r->event].name);
    for (int i = 0; i < 4; i++) {
        print_field(events[r->event].fields[i].kind,
                    events[r->event].fields[i].name, r->data[i]);
    }
    putchar('\n');
}

static void put_field(struct json *j, enum field_kind kind, const char *name,
                      uint64_t value)
{
    switch (kind) {
    case FIELD_NONE:
        break;
    case FIELD_DOMAIN:
        json_number(j, "domid", value);
        break;
    case FIELD_VCPU:
        json_number(j, "domid", value >> VCPU_BITS);
        json_number(j, "vcpu", (uint16_t)value);
        break;
    case FIELD_HEX:
    case FIELD_COUNT:
        json_number(j, name, value);
        break;
    case FIELD_ORDER:
        json_number(j, "size_kb", size_kib(value));
        break;
    case FIELD_ENTRY:
        json_number(j, "size_kb", size_kib(value & LOW_BYTE));
        json_number(j, "type", value >> WRITE_TYPE & LOW_BYTE);
        json_bool(j, "table", value >> WRITE_TABLE);
        break;
    }
}

static void put_record(struct json *j, const struct xc_trace_record *r)
{
    bool known = r->event < PODIUM_TRACE_EVENT_COUNT;

    json_object_begin(j, NULL);
    json_number(j, "time_ns", r->time_ns);
    json_number(j, "cpu", r->cpu);
    json_string(j, "event", known ? events[r->event].name : NULL);
    for (int i = 0; known && i < 4; i++) {
        put_field(j, events[r->event].fields[i].kind,
                  events[r->event].fields[i].name, r->data[i]);
    }
    json_object_end(j);
}

static void print_json(const struct xc_trace *trace)
{
    struct json j;

    json_start(&j, stdout);
    json_array_begin(&j, NULL);
    for (size_t i = 0; i < trace->count; i++) {
        put_record(&j, &trace->records[i]);
    }
    json_array_end(&j);
    json_finish(&j);
}

static int switch_writes(struct xc *xc, const char *how)
{
    bool on = !strcmp(how, "on");

    if (!on && strcmp(how, "off")) {
        error("-w takes on or off, not '%s'", how);
        return XL_USAGE;
    }
    if (xc_trace_p2m_writes(xc, on)) {
        return failed(xc, "cannot switch the tracing of writes %s", how);
    }
    return XL_OK;
}

int cmd_trace(struct xc *xc, const struct args *args)
{
    struct xc_trace trace;

    if (arg_given(args, 'w')) {
        return switch_writes(xc, args->value['w']);
    }
    if (xc_trace(xc, &trace)) {
        return failed(xc, "cannot read what happened");
    }
    if (arg_given(args, 'j')) {
        print_json(&trace);
    } else {
        for (size_t i = 0; i < trace.count; i++) {
            print_record(&trace.records[i]);
        }
    }
    free(trace.records);
    return XL_OK;
}
