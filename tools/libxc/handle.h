/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_HANDLE_H
#define LIBXC_HANDLE_H
/*
 * What is inside a handle. The connections are opened by the file that owns
 * them, at first use; NULL means "not yet".
 */
#include "libxc/xc.h"

#define KIB_PER_PAGE 4
#define PAGE_BYTES   4096u

struct xencall_handle;
struct xenforeignmemory_handle;
struct xentoollog_logger;
struct xs_handle;

struct xc {
    char error[512];
    xc_progress_fn *progress;
    void *progress_arg;
    struct xencall_handle *call;             /* transport.c */
    struct xenforeignmemory_handle *foreign; /* foreign.c */
    struct xs_handle *store;                 /* store.c */
};

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* Both set the error text and return rc. */
int xc_fail(struct xc *xc, int rc, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same, and ": " with what rc means. */
int xc_fail_errno(struct xc *xc, int rc, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

void xc_report(struct xc *xc, const char *what, uint64_t done, uint64_t total);

/* A logger that drops everything: the libraries below log what we report. */
struct xentoollog_logger *xc_quiet_logger(void);

static inline uint64_t pages_from_kib(uint64_t kib)
{
    return kib / KIB_PER_PAGE;
}

static inline uint64_t kib_from_pages(uint64_t pages)
{
    return pages * KIB_PER_PAGE;
}

static inline uint64_t pages_from_bytes(uint64_t bytes)
{
    return bytes / PAGE_BYTES + (bytes % PAGE_BYTES != 0);
}

#endif
