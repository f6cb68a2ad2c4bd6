/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <xentoollog.h>

#include "libxc/foreign.h"
#include "libxc/handle.h"
#include "libxc/store.h"
#include "libxc/transport.h"

static void drop_message(struct xentoollog_logger *logger,
                         xentoollog_level level, int errnoval,
                         const char *context, const char *format, va_list al)
{
    (void)logger, (void)level, (void)errnoval;
    (void)context, (void)format, (void)al;
}

static void drop_progress(struct xentoollog_logger *logger, const char *context,
                          const char *doing_what, int percent,
                          unsigned long done, unsigned long total)
{
    (void)logger, (void)context, (void)doing_what;
    (void)percent, (void)done, (void)total;
}

static void drop_logger(struct xentoollog_logger *logger)
{
    (void)logger;
}

struct xentoollog_logger *xc_quiet_logger(void)
{
    static struct xentoollog_logger quiet = {
        .vmessage = drop_message,
        .progress = drop_progress,
        .destroy = drop_logger,
    };

    return &quiet;
}

struct xc *xc_open(void)
{
    return calloc(1, sizeof(struct xc));
}

void xc_close(struct xc *xc)
{
    if (!xc) {
        return;
    }
    foreign_close(xc);
    store_close(xc);
    hv_close(xc);
    free(xc);
}
