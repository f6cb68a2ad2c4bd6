/* SPDX-License-Identifier: MIT */
/*
 * console_io (HC-27, D0-2). The control domain owns the operator's terminal:
 * what it writes goes out as it is, and what is typed it may read. Others
 * write into the log, by lines, with a rate limit.
 */
#include "arch/hw_console.h"
#include "base/console.h"
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "types/error.h"

#include <xen/xen.h>

#define CHUNK 128 /* bytes looked at at once */

static bool is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

/* Each line of text[0..length) a line of the log; what could play tricks with
 * the operator's terminal becomes a dot. */
static void log_text(domid_t domain, char *text, size_t length)
{
    size_t start = 0;

    for (size_t i = 0; i <= length; i++) {
        if (i == length || text[i] == '\n') {
            text[i] = '\0';
            if (i > start) {
                log_guest(domain, LOG_INFO, "%s", text + start);
            }
            start = i + 1;
        } else if (text[i] == '\r' &&
                   (i + 1 == length || text[i + 1] == '\n')) {
            text[i] = ' ';
        } else if (!is_printable(text[i])) {
            text[i] = text[i] == '\t' ? ' ' : '.';
        }
    }
}

static int write_chunk(struct vcpu *v, uint64_t gva, size_t size)
{
    struct domain *d = vcpu_domain(v);
    char text[CHUNK + 1];
    int rc = copy_from_guest(v, text, gva, size);

    if (rc) {
        return rc;
    }
    if (d->privileged) {
        console_write_guest(text, size);
    } else {
        log_text(d->id, text, size);
    }
    return 0;
}

static int64_t console_write(struct vcpu *v, uint32_t count, uint64_t gva)
{
    while (count) {
        uint32_t size = MIN(count, (uint32_t)CHUNK);
        int rc = write_chunk(v, gva, size);

        if (rc && rc != -ERESTART) {
            return rc;
        }
        if (!rc) {
            count -= size;
            gva += size;
        }
        if (count && (rc || hypercall_preempt(v))) {
            hypercall_set_arg(v, 1, count);
            hypercall_set_arg(v, 2, gva);
            return HYPERCALL_CONTINUE;
        }
    }
    return 0;
}

/* As many bytes as were typed; 0: none. What is typed can be had once, so there
 * is a place for it first. */
static int64_t console_read(struct vcpu *v, uint32_t count, uint64_t gva)
{
    uint32_t room = MIN(count, (uint32_t)CHUNK), n = 0;
    struct page *pages[2];
    uint16_t at;
    int c, rc;

    if (!room) {
        return 0;
    }
    rc = copy_translate(v, gva, room, true, pages, &at);
    if (rc) {
        return rc;
    }
    while (n < room && (c = arch_console_getc()) >= 0) {
        char *page = page_map(pages[at / PAGE_SIZE]);

        page[at++ % PAGE_SIZE] = (char)c;
        n++;
    }
    page_put(pages[0]);
    if (pages[1]) {
        page_put(pages[1]);
    }
    return n;
}

int64_t hc_console_io(struct vcpu *v, const uint64_t args[6])
{
    uint32_t count = (uint32_t)args[1];

    switch ((uint32_t)args[0]) {
    case CONSOLEIO_write:
        return console_write(v, count, args[2]);
    case CONSOLEIO_read:
        return vcpu_domain(v)->privileged ? console_read(v, count, args[2])
                                          : -EPERM;
    default:
        return -ENOSYS;
    }
}
