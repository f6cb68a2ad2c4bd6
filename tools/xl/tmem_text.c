/* SPDX-License-Identifier: MIT */
/*
 * Lines are read where they are wanted, as often as that is: a few hundred at
 * most, and nothing of them has to be kept.
 */
#include "tmem_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "uuid.h"

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LAST_TAG                                                               \
    {                                                                          \
        "", NULL, NULL                                                         \
    }

/* A number of a line: its name in JSON, and in words. */
struct tag {
    char tag[3];
    const char *key, *words;
};

static const struct tag host_tags[] = {
    {"Tt", "operations", "operations"},
    {"Te", "errors", "of them, failed"},
    {"Cf", "failed_copies", "copies that failed for want of the guest's page"},
    {"Af", "failed_records", "puts without memory for a record"},
    {"Pf", "failed_pages", "puts without memory for a page"},
    {"Ta", "free_pages", "pages kept, and empty"},
    {"Lm", "low_memory", "times that the host was low on memory"},
    {"Et", "evicted", "ephemeral pages given up"},
    {"Ea", "evict_attempts", "attempts to give one up"},
    {"Rt", "relinquished", "pages given to the host when it asked"},
    {"Ra", "relinquish_requests", "times that it asked"},
    {"Rx", "relinquish_attempts_max", "most attempts for one such request"},
    {"Fp", "pool_flushes", "pools destroyed"},
    {"Ec", "ephemeral_pages", "ephemeral pages"},
    {"Em", "ephemeral_pages_max", "at most"},
    {"Oc", "objects", "objects"},
    {"Om", "objects_max", "at most"},
    {"Pc", "pages", "pages stored"},
    {"Pm", "pages_max", "at most"},
    {"Fc", "frames", "frames of the host that hold them"},
    {"Fm", "frames_max", "at most"},
    {"Sc", "contents", "different contents"},
    {"Sm", "contents_max", "at most"},
    {"Ep", "ephemeral_puts", "ephemeral puts that succeeded"},
    {"Gd", "deduplicated_puts", "puts of what was there already"},
    {"Zt", "tail_bytes", "bytes of pages that end with zeros"},
    {"Gz", "compressed_bytes", "bytes of compressed pages"},
    LAST_TAG,
};

static const struct tag client_tags[] = {
    {"CI", "domid", NULL},
    {"ww", "weight", "weight"},
    {"ca", "cap_kb", "cap of ephemeral pages (KiB, 0: none)"},
    {"co", "compress", "compresses (1: yes)"},
    {"fr", "frozen", "frozen (1: yes)"},
    {"Tc", "cycles", "processor cycles spent"},
    {"Ge", "ephemeral_gets", "ephemeral pages got back"},
    {"Pp", "persistent_puts", "persistent pages put"},
    {"Gp", "persistent_gets", "persistent pages got back"},
    {"Ec", "ephemeral_pages", "ephemeral pages"},
    {"Em", "ephemeral_pages_max", "at most"},
    {"cp", "compressed_pages", "pages stored compressed"},
    {"cb", "compressed_bytes", "bytes of them"},
    {"cn", "compressed_poorly", "pages that compress too little"},
    {"cm", "no_memory", "puts refused for want of memory"},
    LAST_TAG,
};

static const struct tag pool_tags[] = {
    {"CI", "domid", NULL},
    {"PI", "id", NULL},
    {"SI", "id", NULL},
    {"Pc", "pages", "pages"},
    {"Pm", "pages_max", "at most"},
    {"Oc", "objects", "objects"},
    {"Om", "objects_max", "at most"},
    {"ps", "puts_stored", "puts that succeeded"},
    {"pt", "puts", "puts"},
    {"pd", "duplicates_dropped", "puts that dropped the old page, and failed"},
    {"pr", "duplicates_replaced", "puts that replaced a page"},
    {"px", "puts_without_memory", "puts refused for want of memory"},
    {"gs", "gets_found", "gets that found the page"},
    {"gt", "gets", "gets"},
    {"fs", "flushes_found", "flushes of a page that was there"},
    {"ft", "flushes", "flushes of pages"},
    {"os", "object_flushes_found", "flushes of an object that was there"},
    {"ot", "object_flushes", "flushes of objects"},
    LAST_TAG,
};

/* Of a kind of call: three tags more each. */
struct timed {
    char letter;
    const char *key, *words;
};
static const struct timed timed[] = {
    {'G', "get_found", "gets that found the page"},
    {'P', "put_stored", "puts that succeeded"},
    {'g', "get_missed", "gets that did not"},
    {'p', "put_failed", "puts that failed"},
    {'F', "flush", "flushes of pages"},
    {'O', "flush_object", "flushes of objects"},
    {'C', "compress", "compressions"},
    {'c', "decompress", "decompressions"},
    {'d', "copy", "copies of pages"},
};

/* ---- the text ---------------------------------------------------------- */

/* The next line, which ends at *end, of kind X in "X=..."; NULL: no more. */
static const char *next_line(const char **text, const char **end)
{
    const char *line = *text;

    if (!*line) {
        return NULL;
    }
    *end = line + strcspn(line, "\n");
    *text = **end ? *end + 1 : *end;
    return line;
}

/* The value behind the next "tag:" after `from`; NULL: there is none. A line
 * begins with a letter and '=', where others have their comma. */
static const char *next_value(const char *from, const char *end,
                              const char *tag)
{
    while (from && end - from > 4) {
        if (!strncmp(from + 1, tag, 2) && from[3] == ':') {
            return from + 4;
        }
        from = memchr(from + 1, ',', (size_t)(end - from - 1));
    }
    return NULL;
}

static const char *value_of(const char *line, const char *end, const char *tag)
{
    return end - line > 2 ? next_value(line + 1, end, tag) : NULL;
}

static uint64_t number_of(const char *line, const char *end, const char *tag)
{
    const char *value = value_of(line, end, tag);

    return value ? strtoull(value, NULL, 10) : 0;
}

static const struct tag *tags_of(char kind)
{
    switch (kind) {
    case 'G':
        return host_tags;
    case 'C':
        return client_tags;
    case 'P':
    case 'S':
        return pool_tags;
    default:
        return NULL;
    }
}

static bool is_persistent(const char *line, const char *end)
{
    const char *kind = value_of(line, end, "PT");

    return kind && kind[0] == 'P';
}

/* Guests take a UUID for two words, the bytes in memory order. */
static void uuid_of(const char *line, const char *end,
                    char text[UUID_TEXT_SIZE])
{
    const char *low = value_of(line, end, "U0");
    const char *high = value_of(line, end, "U1");
    uint64_t words[2] = {low ? strtoull(low, NULL, 16) : 0,
                         high ? strtoull(high, NULL, 16) : 0};
    uint8_t uuid[XC_UUID_BYTES];

    memcpy(uuid, words, sizeof(uuid));
    uuid_format(uuid, text);
}

struct time {
    uint64_t count, sum, most, least;
};

static struct time time_of(const char *line, const char *end, char letter)
{
    const char count[] = {letter, 'n', 0}, sum[] = {letter, 't', 0};
    const char most[] = {letter, 'x', 0}, least[] = {letter, 'm', 0};

    return (struct time){
        number_of(line, end, count),
        number_of(line, end, sum),
        number_of(line, end, most),
        number_of(line, end, least),
    };
}

/* ---- in words ---------------------------------------------------------- */

static void explain_sharers(const char *line, const char *end, FILE *out)
{
    const char *sharer = value_of(line, end, "SC");

    while (sharer) {
        fprintf(out, "  %-50s %lu\n", "shared by domain",
                strtoul(sharer, NULL, 10));
        sharer = memchr(sharer, ',', (size_t)(end - sharer));
        sharer = sharer ? next_value(sharer, end, "SC") : NULL;
    }
}

static void explain_heading(const char *line, const char *end, FILE *out)
{
    char uuid[UUID_TEXT_SIZE];

    switch (line[0]) {
    case 'G':
        fprintf(out, "Host\n");
        break;
    case 'C':
        fprintf(out, "Domain %" PRIu64 "\n", number_of(line, end, "CI"));
        break;
    case 'P':
        fprintf(out, "Pool %" PRIu64 " of domain %" PRIu64 ", %s\n",
                number_of(line, end, "PI"), number_of(line, end, "CI"),
                is_persistent(line, end) ? "persistent" : "ephemeral");
        break;
    default:
        uuid_of(line, end, uuid);
        fprintf(out, "Shared pool %s\n", uuid);
    }
}

static void explain_times(const char *line, const char *end, FILE *out)
{
    fprintf(out, "Calls of guests: how many, and cycles on average, at most, "
                 "at least\n");
    for (size_t i = 0; i < ARRAY_COUNT(timed); i++) {
        struct time t = time_of(line, end, timed[i].letter);

        if (t.count) {
            fprintf(out,
                    "  %-30s %10" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64
                    "\n",
                    timed[i].words, t.count, t.sum / t.count, t.most, t.least);
        }
    }
}

static void explain_line(const char *line, const char *end, FILE *out)
{
    const struct tag *tag = tags_of(line[0]);

    if (line[0] == 'T') {
        explain_times(line, end, out);
    }
    if (!tag) {
        return;
    }
    explain_heading(line, end, out);
    explain_sharers(line, end, out);
    for (; tag->key; tag++) {
        if (tag->words && value_of(line, end, tag->tag)) {
            fprintf(out, "  %-50s %" PRIu64 "\n", tag->words,
                    number_of(line, end, tag->tag));
        }
    }
}

void tmem_text_explain(const char *text, FILE *out)
{
    const char *line, *end;

    while ((line = next_line(&text, &end))) {
        explain_line(line, end, out);
    }
}

/* ---- JSON -------------------------------------------------------------- */

static void put_numbers(struct json *j, const char *line, const char *end)
{
    for (const struct tag *tag = tags_of(line[0]); tag->key; tag++) {
        if (value_of(line, end, tag->tag)) {
            json_number(j, tag->key, number_of(line, end, tag->tag));
        }
    }
}

static void put_host(struct json *j, const char *text)
{
    const char *line, *end;

    while ((line = next_line(&text, &end))) {
        if (line[0] == 'G') {
            json_object_begin(j, "host");
            put_numbers(j, line, end);
            json_object_end(j);
        }
    }
}

static void put_times(struct json *j, const char *text)
{
    const char *line, *end;

    while ((line = next_line(&text, &end))) {
        if (line[0] != 'T') {
            continue;
        }
        json_object_begin(j, "cycles");
        for (size_t i = 0; i < ARRAY_COUNT(timed); i++) {
            struct time t = time_of(line, end, timed[i].letter);

            json_object_begin(j, timed[i].key);
            json_number(j, "calls", t.count);
            json_number(j, "sum", t.sum);
            json_number(j, "most", t.most);
            json_number(j, "least", t.least);
            json_object_end(j);
        }
        json_object_end(j);
    }
}

static void put_pool(struct json *j, const char *line, const char *end)
{
    char uuid[UUID_TEXT_SIZE];

    uuid_of(line, end, uuid);
    json_object_begin(j, NULL);
    json_string(j, "uuid", uuid);
    json_bool(j, "persistent", is_persistent(line, end));
    put_numbers(j, line, end);
}

static void put_sharers(struct json *j, const char *line, const char *end)
{
    const char *sharer = value_of(line, end, "SC");

    json_array_begin(j, "domids");
    while (sharer) {
        json_number(j, NULL, strtoull(sharer, NULL, 10));
        sharer = memchr(sharer, ',', (size_t)(end - sharer));
        sharer = sharer ? next_value(sharer, end, "SC") : NULL;
    }
    json_array_end(j);
}

static void put_shared(struct json *j, const char *text)
{
    const char *line, *end;

    json_array_begin(j, "shared_pools");
    while ((line = next_line(&text, &end))) {
        if (line[0] == 'S') {
            put_pool(j, line, end);
            put_sharers(j, line, end);
            json_object_end(j);
        }
    }
    json_array_end(j);
}

/* The pools of a client are the lines behind its own. */
static void put_pools(struct json *j, const char *text)
{
    const char *line, *end;

    json_array_begin(j, "pools");
    while ((line = next_line(&text, &end)) && line[0] == 'P') {
        put_pool(j, line, end);
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_clients(struct json *j, const char *text)
{
    const char *line, *end;

    json_array_begin(j, "clients");
    while ((line = next_line(&text, &end))) {
        if (line[0] == 'C') {
            json_object_begin(j, NULL);
            put_numbers(j, line, end);
            put_pools(j, text);
            json_object_end(j);
        }
    }
    json_array_end(j);
}

void tmem_text_json(const char *text, FILE *out)
{
    struct json j;

    json_start(&j, out);
    json_object_begin(&j, NULL);
    put_host(&j, text);
    put_times(&j, text);
    put_shared(&j, text);
    put_clients(&j, text);
    json_object_end(&j);
    json_finish(&j);
}
