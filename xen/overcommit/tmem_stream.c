/* SPDX-License-Identifier: MIT */
/*
 * A client as a stream of bytes (T-42), little-endian:
 *
 *   record   {type, length, pool id, index: u32 each; oid: u64 x 3}, then
 *            `length` bytes, and zeros up to a multiple of 8
 *   BEGIN    8 bytes: magic, which names the version
 *   POOL     24 bytes: flags, uuid x 2 as u64; index: 0
 *   PAGE + form   the page as it is stored
 *   FLUSHED  a page that came before, and is not to be kept
 *   END      16 bytes: pages that came, and the sum of all bytes before it
 *
 * BEGIN, pools each with its pages, FLUSHED ones, END. The sum finds damage,
 * not malice: who writes the stream owns the domain.
 */
#include "lib/string.h"
#include "overcommit/tmem_internal.h"
#include "types/error.h"

#define MAGIC 0x31304d454d5444ULL /* "DTMEM01" */

enum {
    RECORD_BEGIN = 1,
    RECORD_POOL,
    RECORD_FLUSHED,
    RECORD_END,
    RECORD_PAGE = 16, /* and the form */
};

struct record {
    uint32_t type, length, pool_id, index;
    uint64_t oid[3];
};

enum phase {
    BEGIN,
    POOLS, /* s->pool is the next */
    PAGES, /* of s->pool */
    FLUSHED,
    END,
    AFTER,
};

BUILD_ASSERT(TMEM_STREAM_MIN >= sizeof(struct record) + PAGE_SIZE,
             "the largest record");

static size_t size_of(uint32_t length)
{
    return sizeof(struct record) + ROUND_UP(length, 8UL);
}

static uint64_t sum(uint64_t so_far, const void *bytes, size_t size)
{
    uint64_t word;

    for (size_t i = 0; i < size; i += sizeof(word)) {
        memcpy(&word, (const char *)bytes + i, sizeof(word));
        so_far = (so_far ^ word) * 0x100000001b3ULL; /* FNV's prime */
        so_far ^= so_far >> 29;
    }
    return so_far;
}

/* --- Write --- */

struct out {
    char *at;
    struct record r;
};

static size_t finish(struct tmem_stream *s, struct out *o)
{
    size_t size = size_of(o->r.length);
    char *data = o->at + sizeof(o->r);

    memset(data + o->r.length, 0, size - sizeof(o->r) - o->r.length);
    memcpy(o->at, &o->r, sizeof(o->r));
    if (o->r.type != RECORD_END) {
        s->checksum = sum(s->checksum, o->at, size);
    }
    return size;
}

static size_t put_words(struct tmem_stream *s, struct out *o, uint32_t type,
                        const uint64_t *words, unsigned count)
{
    o->r.type = type;
    o->r.length = (uint32_t)(count * sizeof(*words));
    if (count) {
        memcpy(o->at + sizeof(o->r), words, o->r.length);
    }
    return finish(s, o);
}

static size_t put_pool(struct tmem_client *c, struct tmem_stream *s,
                       struct out *o)
{
    struct tmem_pool_info info;

    while (s->pool < TMEM_POOLS && tmem_pool_look(c, s->pool, &info)) {
        s->pool++;
    }
    if (s->pool == TMEM_POOLS) {
        s->phase = FLUSHED;
        return 0;
    }
    s->phase = PAGES;
    o->r.pool_id = s->pool;
    return put_words(
        s, o, RECORD_POOL,
        (uint64_t[3]){info.flags, info.uuid.word[0], info.uuid.word[1]}, 3);
}

static size_t put_page(struct tmem_client *c, struct tmem_stream *s,
                       struct out *o)
{
    struct tmem_record record;

    if (tmem_save_next(c, s->pool, &record, o->at + sizeof(o->r)) != 1) {
        s->phase = POOLS;
        s->pool++;
        return 0;
    }
    s->pages++;
    o->r = (struct record){.type = RECORD_PAGE + record.form,
                           .length = record.length,
                           .pool_id = s->pool,
                           .index = record.handle.index};
    memcpy(o->r.oid, record.handle.oid, sizeof(o->r.oid));
    return finish(s, o);
}

static size_t put_flushed(struct tmem_client *c, struct tmem_stream *s,
                          struct out *o)
{
    struct tmem_handle h;

    if (tmem_save_next_flushed(c, &h) != 1) {
        s->phase = END;
        return 0;
    }
    o->r.pool_id = h.pool_id;
    o->r.index = h.index;
    memcpy(o->r.oid, h.oid, sizeof(o->r.oid));
    return put_words(s, o, RECORD_FLUSHED, NULL, 0);
}

static size_t put_next(struct tmem_client *c, struct tmem_stream *s, char *at)
{
    struct out o = {.at = at};

    switch (s->phase) {
    case BEGIN:
        s->phase = POOLS;
        return put_words(s, &o, RECORD_BEGIN, (uint64_t[1]){MAGIC}, 1);
    case POOLS:
        return put_pool(c, s, &o);
    case PAGES:
        return put_page(c, s, &o);
    case FLUSHED:
        return put_flushed(c, s, &o);
    default:
        s->phase = AFTER;
        return put_words(s, &o, RECORD_END,
                         (uint64_t[2]){s->pages, s->checksum}, 2);
    }
}

int tmem_stream_write(struct tmem_client *c, struct tmem_stream *s,
                      void *buffer, size_t size, size_t *used)
{
    *used = 0;
    if (READ_ONCE(c->saving) == NOT_SAVING) {
        return -ENODEV;
    }
    while (s->phase != AFTER && size - *used >= TMEM_STREAM_MIN) {
        *used += put_next(c, s, (char *)buffer + *used);
    }
    return s->phase != AFTER;
}

/* --- Read --- */

static int get_pool(struct tmem_client *c, const struct record *r,
                    const uint64_t *words)
{
    int rc;

    if (r->length != 3 * sizeof(*words) || words[0] > ~0U) {
        return -EINVAL;
    }
    rc = tmem_pool_create_at(c, r->pool_id, (uint32_t)words[0],
                             (struct tmem_uuid){{words[1], words[2]}});
    return rc < 0 ? rc : 1;
}

static int get_page(struct tmem_client *c, struct tmem_stream *s,
                    const struct record *r, const void *data)
{
    struct tmem_record record = {
        .handle = {.pool_id = r->pool_id, .index = r->index},
        .form = r->type - RECORD_PAGE,
        .length = r->length,
    };

    memcpy(record.handle.oid, r->oid, sizeof(r->oid));
    if (r->type == RECORD_FLUSHED) {
        return tmem_flush_page(c, &record.handle);
    }
    s->pages++;
    return tmem_restore(c, &record, data);
}

static int get_end(const struct tmem_stream *s, const struct record *r,
                   const uint64_t *words)
{
    if (r->length != 2 * sizeof(*words)) {
        return -EINVAL;
    }
    return words[0] == s->pages && words[1] == s->checksum ? 0 : -EIO;
}

static int get_record(struct tmem_client *c, struct tmem_stream *s,
                      const struct record *r, const void *data)
{
    uint64_t words[3] = {0};

    memcpy(words, data, MIN(r->length, sizeof(words)));
    if (s->phase == BEGIN) {
        s->phase = POOLS;
        return r->type == RECORD_BEGIN && r->length == sizeof(words[0]) &&
                       words[0] == MAGIC
                   ? 1
                   : -EINVAL;
    }
    switch (r->type) {
    case RECORD_POOL:
        return get_pool(c, r, words);
    case RECORD_END:
        s->phase = AFTER;
        return get_end(s, r, words);
    case RECORD_FLUSHED:
    case RECORD_PAGE + TMEM_FILLED:
    case RECORD_PAGE + TMEM_TAIL:
    case RECORD_PAGE + TMEM_LZ4:
    case RECORD_PAGE + TMEM_RAW:
        return get_page(c, s, r, data);
    default:
        return -EINVAL;
    }
}

int tmem_stream_read(struct tmem_client *c, struct tmem_stream *s,
                     const void *buffer, size_t size, size_t *used)
{
    int rc = 1;

    *used = 0;
    while (rc == 1 && s->phase != AFTER &&
           size - *used >= sizeof(struct record)) {
        const char *at = (const char *)buffer + *used;
        struct record r;

        memcpy(&r, at, sizeof(r));
        if (r.length > PAGE_SIZE) {
            return -EINVAL;
        }
        if (size - *used < size_of(r.length)) {
            break;
        }
        rc = get_record(c, s, &r, at + sizeof(r));
        if (r.type != RECORD_END) {
            s->checksum = sum(s->checksum, at, size_of(r.length));
        }
        *used += size_of(r.length);
    }
    return s->phase == AFTER && rc == 1 ? -EINVAL : rc;
}
