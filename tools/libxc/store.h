/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_STORE_H
#define LIBXC_STORE_H
/*
 * Xenstore: reading, writing, transactions, watches. What the nodes mean is
 * in guest_nodes.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_PATH_MAX 256

struct xc;

/* Who may do what with a node, besides dom0. */
enum store_access {
    STORE_INHERIT,     /* like its parent */
    STORE_GUEST_READ,  /* the guest may read it */
    STORE_GUEST_WRITE, /* the guest owns it */
    STORE_DOM0_ONLY,
};

/*
 * A transaction being written. The first failure sticks, and later writes do
 * nothing, so that a body is a plain list of writes.
 */
struct store_writer {
    struct xc *xc;
    uint32_t transaction;
    uint32_t domid; /* whom STORE_GUEST_* means */
    int rc;
};

/* The path is formatted from fmt. */
void store_put(struct store_writer *w, enum store_access access,
               const char *value, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void store_put_number(struct store_writer *w, enum store_access access,
                      uint64_t value, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * Runs body in a transaction, again if others interfered. Its writes happen
 * all or not at all. Sets the error text.
 */
int store_transaction(struct xc *xc, uint32_t domid,
                      void (*body)(struct store_writer *w, const void *arg),
                      const void *arg);

/* -ENOENT without an error text: absence is often no error. */
int store_read_number(struct xc *xc, uint64_t *value, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int store_read_string(struct xc *xc, char *value, size_t size, const char *fmt,
                      ...) __attribute__((format(printf, 4, 5)));
/* Removes a node and all below it; absence is success. */
int store_remove(struct xc *xc, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

int store_introduce(struct xc *xc, uint32_t domid, uint64_t ring_gfn,
                    uint32_t port);
/* Best effort: xenstored also notices by itself. */
void store_release(struct xc *xc, uint32_t domid);

/*
 * Watches. store_wait() returns 0 when something happened, -ETIMEDOUT, -EINTR,
 * or -ENOTCONN once xenstored has gone; the next call of another function then
 * looks for a new one. One watch at a time.
 */
int store_watch(struct xc *xc, const char *path);
int store_wait(struct xc *xc, int timeout_ms);
void store_unwatch(struct xc *xc, const char *path);

void store_close(struct xc *xc);

#endif
