/* SPDX-License-Identifier: MIT */
/*
 * In which form a page is stored, the first of these that fits (T-34):
 *
 *   TMEM_FILLED  one word, repeated: no data at all
 *   TMEM_TAIL    zeros from the middle on, or earlier: what is before them
 *   TMEM_LZ4     packed to half a page or less, if the client wants that
 *   TMEM_RAW     the page
 *
 * Slots are 1/1, 1/2, 1/3 or 1/4 of a frame, so whatever goes, goes as frames.
 *
 * A guest's page may change while we look at it, and only the guest is hurt by
 * that: the first two tests read each word once, and what is copied then is
 * what is stored, whether it is a word or a tail still. LZ4, and whoever looks
 * for equal contents, have to see the same bytes twice: they look at our copy.
 */
#include "lib/string.h"
#include "overcommit/tmem_internal.h"
#include "types/bits.h"

#define WORDS (PAGE_SIZE / sizeof(uint64_t))

bool page_is_filled(const void *page, uint64_t *word)
{
    const uint64_t *w = page;
    uint64_t first = READ_ONCE(w[0]);

    for (unsigned i = 0; i < WORDS; i += 4) {
        if ((READ_ONCE(w[i]) ^ first) | (READ_ONCE(w[i + 1]) ^ first) |
            (READ_ONCE(w[i + 2]) ^ first) | (READ_ONCE(w[i + 3]) ^ first)) {
            return false;
        }
    }
    *word = first;
    return true;
}

/* Bytes before the zeros at the end, in whole words; PAGE_SIZE when there is
 * more than a fragment. Forwards, as memory is quicker that way. */
static uint32_t used_length(const void *page)
{
    const uint64_t *w = page;
    size_t count = FRAGMENT_MAX / sizeof(*w);

    for (size_t i = count; i < WORDS; i += 4) {
        if (READ_ONCE(w[i]) | READ_ONCE(w[i + 1]) | READ_ONCE(w[i + 2]) |
            READ_ONCE(w[i + 3])) {
            return PAGE_SIZE;
        }
    }
    while (count && !READ_ONCE(w[count - 1])) {
        count--;
    }
    return (uint32_t)(count * sizeof(*w));
}

static bool try_lz4(struct tmem_data *d, struct tmem_client *c)
{
    struct tmem_cpu *cpu = this_tmem_cpu();
    uint32_t length =
        lz4_pack(cpu->lz4, d->bytes, cpu->packed, sizeof(cpu->packed));

    if (!length) {
        count_add(&c->counters.compressed_poorly, 1);
        return false;
    }
    count_add(&c->counters.compressed_pages, 1);
    count_add(&c->counters.compressed_bytes, length);
    d->form = TMEM_LZ4;
    d->length = length;
    d->bytes = cpu->packed;
    return true;
}

void data_choose_form(struct tmem_data *d, struct tmem_client *c, bool pack)
{
    d->length = used_length(d->bytes);
    if (d->length <= FRAGMENT_MAX) {
        d->form = TMEM_TAIL;
        return;
    }
    if (pack && try_lz4(d, c)) {
        return;
    }
    d->form = TMEM_RAW;
    d->length = PAGE_SIZE;
}

static void fill(void *page, uint64_t word)
{
    uint64_t *w = page;

    if (!word) {
        arch_page_clear(page);
        return;
    }
    for (unsigned i = 0; i < WORDS; i++) {
        w[i] = word;
    }
}

bool form_unpack(enum tmem_form form, const void *bytes, uint32_t length,
                 void *page)
{
    uint64_t word;

    switch (form) {
    case TMEM_FILLED:
        if (length != sizeof(word)) {
            return false;
        }
        memcpy(&word, bytes, sizeof(word));
        fill(page, word);
        return true;
    case TMEM_TAIL:
        if (length > PAGE_SIZE) {
            return false;
        }
        memcpy(page, bytes, length);
        memset((char *)page + length, 0, PAGE_SIZE - length);
        return true;
    case TMEM_LZ4:
        return length <= PAGE_SIZE && lz4_unpack(bytes, length, page);
    case TMEM_RAW:
        if (length != PAGE_SIZE) {
            return false;
        }
        if ((uintptr_t)bytes % PAGE_SIZE) {
            memcpy(page, bytes, PAGE_SIZE); /* out of a stream */
        } else {
            arch_page_copy(page, bytes);
        }
        return true;
    default:
        return false;
    }
}
