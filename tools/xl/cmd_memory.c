/* SPDX-License-Identifier: MIT */
/*
 * Commands about a guest's memory: mem-set, mem-max.
 *
 * mem-set only records a wish. The hypervisor's limits change at once, but
 * memory moves when the guest's balloon driver acts; pod (cmd_pod.c) shows how
 * far it is.
 */
#include <stdio.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "message.h"
#include "size.h"

/* A size that is whole pages, from a command's second word. */
static bool size_argument(const char *text, uint64_t *kib)
{
    if (size_parse_kib(text, kib) || !*kib) {
        error("invalid memory size '%s'; expected a number of MiB, or one "
              "with a suffix t, g, m, k or b",
              text);
        return false;
    }
    *kib &= ~UINT64_C(3);
    return true;
}

int cmd_mem_set(struct xc *xc, const struct args *args)
{
    uint32_t domid;
    uint64_t kib;

    if (!size_argument(args->words[1], &kib) ||
        !domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    if (xc_memory_set_target(xc, domid, kib)) {
        return failed(xc, "cannot set the memory target of '%s' to %s",
                      args->words[0], args->words[1]);
    }
    return XL_OK;
}

int cmd_mem_max(struct xc *xc, const struct args *args)
{
    uint32_t domid;
    uint64_t kib;

    if (!size_argument(args->words[1], &kib) ||
        !domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    if (xc_memory_set_max(xc, domid, kib)) {
        return failed(xc, "cannot set the memory limit of '%s' to %s",
                      args->words[0], args->words[1]);
    }
    return XL_OK;
}
