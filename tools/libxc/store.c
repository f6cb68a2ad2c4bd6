/* SPDX-License-Identifier: MIT */
/*
 * The connection to xenstored, through libxenstore. A transaction fails with
 * EAGAIN when somebody else changed what it touched; then its body runs again.
 */
#include "libxc/store.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>
#include <xenstore_lib.h>

#include "libxc/handle.h"

#define TRIES_MAX   64
#define WATCH_TOKEN "xc"

/*
 * Where nobody listens to the daemon's socket, xs_open() turns to the kernel,
 * which waits for ever for a daemon that is gone. Both of its ways lead to the
 * path that the environment names.
 */
static struct xs_handle *connection(struct xc *xc)
{
    if (!xc->store) {
        setenv("XENSTORED_PATH", xs_daemon_socket(), 0);
        xc->store = xs_open(0);
    }
    return xc->store;
}

static int no_store(struct xc *xc)
{
    return xc_fail(xc, -ENOTCONN,
                   "cannot reach xenstored: is it running in this domain?");
}

void store_close(struct xc *xc)
{
    if (xc->store) {
        xs_close(xc->store);
        xc->store = NULL;
    }
}

#define FORMAT_PATH(path, fmt)                                                 \
    do {                                                                       \
        va_list args_;                                                         \
        va_start(args_, fmt);                                                  \
        vsnprintf(path, sizeof(path), fmt, args_);                             \
        va_end(args_);                                                         \
    } while (0)

/* ---- transactions ------------------------------------------------------ */

static bool set_access(struct store_writer *w, enum store_access access,
                       const char *path)
{
    struct xs_permissions perms[2] = {
        {.id = access == STORE_GUEST_WRITE ? w->domid : 0,
         .perms = XS_PERM_NONE},
        {.id = w->domid, .perms = XS_PERM_READ},
    };

    return xs_set_permissions(w->xc->store, w->transaction, path, perms,
                              access == STORE_GUEST_READ ? 2 : 1);
}

static void put(struct store_writer *w, enum store_access access,
                const char *value, const char *path)
{
    if (w->rc) {
        return;
    }
    if (!xs_write(w->xc->store, w->transaction, path, value,
                  (unsigned int)strlen(value)) ||
        (access != STORE_INHERIT && !set_access(w, access, path))) {
        w->rc = -errno;
        xc_fail_errno(w->xc, w->rc, "cannot write %s in xenstore", path);
    }
}

void store_put(struct store_writer *w, enum store_access access,
               const char *value, const char *fmt, ...)
{
    char path[STORE_PATH_MAX];

    FORMAT_PATH(path, fmt);
    put(w, access, value, path);
}

void store_put_number(struct store_writer *w, enum store_access access,
                      uint64_t value, const char *fmt, ...)
{
    char path[STORE_PATH_MAX], text[24];

    FORMAT_PATH(path, fmt);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    put(w, access, text, path);
}

/* -EAGAIN: somebody interfered. */
static int run_once(struct xc *xc, uint32_t domid,
                    void (*body)(struct store_writer *w, const void *arg),
                    const void *arg)
{
    struct store_writer w = {.xc = xc, .domid = domid};

    w.transaction = xs_transaction_start(xc->store);
    if (w.transaction == XBT_NULL) {
        return xc_fail_errno(xc, -errno, "cannot begin a xenstore transaction");
    }
    body(&w, arg);
    if (!xs_transaction_end(xc->store, w.transaction, w.rc != 0) && !w.rc) {
        return xc_fail_errno(xc, -errno, "cannot end a xenstore transaction");
    }
    return w.rc;
}

int store_transaction(struct xc *xc, uint32_t domid,
                      void (*body)(struct store_writer *w, const void *arg),
                      const void *arg)
{
    int rc = -EAGAIN;

    if (!connection(xc)) {
        return no_store(xc);
    }
    for (int i = 0; i < TRIES_MAX && rc == -EAGAIN; i++) {
        rc = run_once(xc, domid, body, arg);
    }
    return rc;
}

/* ---- reading ----------------------------------------------------------- */

int xc_store_read(struct xc *xc, const char *path, char **value)
{
    if (!connection(xc)) {
        return no_store(xc);
    }
    *value = xs_read(xc->store, XBT_NULL, path, NULL);
    if (!*value) {
        return xc_fail_errno(xc, -errno, "cannot read %s in xenstore", path);
    }
    return 0;
}

int xc_store_write(struct xc *xc, const char *path, const char *value)
{
    if (!connection(xc)) {
        return no_store(xc);
    }
    if (!xs_write(xc->store, XBT_NULL, path, value,
                  (unsigned int)strlen(value))) {
        return xc_fail_errno(xc, -errno, "cannot write %s in xenstore", path);
    }
    return 0;
}

int store_read_number(struct xc *xc, uint64_t *value, const char *fmt, ...)
{
    char path[STORE_PATH_MAX], *text = NULL, *end;
    int rc;

    FORMAT_PATH(path, fmt);
    rc = xc_store_read(xc, path, &text);
    if (!text) {
        return rc;
    }
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno || end == text || *end) {
        rc = xc_fail(xc, -EINVAL, "%s in xenstore is not a number", path);
    }
    free(text);
    return rc;
}

int store_read_string(struct xc *xc, char *value, size_t size, const char *fmt,
                      ...)
{
    char path[STORE_PATH_MAX], *text = NULL;
    int rc;

    FORMAT_PATH(path, fmt);
    rc = xc_store_read(xc, path, &text);
    if (!text) {
        return rc;
    }
    snprintf(value, size, "%s", text);
    free(text);
    return 0;
}

int store_remove(struct xc *xc, const char *fmt, ...)
{
    char path[STORE_PATH_MAX];

    FORMAT_PATH(path, fmt);
    if (!connection(xc)) {
        return no_store(xc);
    }
    if (!xs_rm(xc->store, XBT_NULL, path) && errno != ENOENT) {
        return xc_fail_errno(xc, -errno, "cannot remove %s in xenstore", path);
    }
    return 0;
}

/* ---- domains ----------------------------------------------------------- */

int store_introduce(struct xc *xc, uint32_t domid, uint64_t ring_gfn,
                    uint32_t port)
{
    if (!connection(xc)) {
        return no_store(xc);
    }
    if (!xs_introduce_domain(xc->store, domid, ring_gfn, port)) {
        return xc_fail_errno(xc, -errno,
                             "cannot introduce domain %u to xenstored", domid);
    }
    return 0;
}

void store_release(struct xc *xc, uint32_t domid)
{
    if (connection(xc)) {
        xs_release_domain(xc->store, domid);
    }
}

/* ---- watches ----------------------------------------------------------- */

int store_watch(struct xc *xc, const char *path)
{
    if (!connection(xc)) {
        return no_store(xc);
    }
    if (!xs_watch(xc->store, path, WATCH_TOKEN)) {
        return xc_fail_errno(xc, -errno, "cannot watch %s in xenstore", path);
    }
    return 0;
}

static bool drain_watches(struct xc *xc)
{
    bool any = false;
    char **event;

    while ((event = xs_check_watch(xc->store)) != NULL) {
        free(event);
        any = true;
    }
    return any;
}

int store_wait(struct xc *xc, int timeout_ms)
{
    struct pollfd fd = {.events = POLLIN};
    int ready;

    if (!xc->store) {
        return no_store(xc);
    }
    if (drain_watches(xc)) {
        return 0;
    }
    fd.fd = xs_fileno(xc->store);
    ready = poll(&fd, 1, timeout_ms);
    if (ready < 0) {
        return -errno;
    }
    if (ready == 0) {
        return -ETIMEDOUT;
    }
    if (drain_watches(xc) || !(fd.revents & POLLHUP)) {
        return 0;
    }
    store_close(xc);
    return no_store(xc);
}

void store_unwatch(struct xc *xc, const char *path)
{
    if (xc->store) {
        xs_unwatch(xc->store, path, WATCH_TOKEN);
    }
}
