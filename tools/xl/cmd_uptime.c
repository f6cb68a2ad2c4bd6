/* SPDX-License-Identifier: MIT */
/*
 * The uptime command. Domain 0 has been up for as long as its kernel says; a
 * guest, since its creation was noted in xenstore.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "uptime.h"

#define UPTIME_PATH "/proc/uptime"

static bool dom0_uptime(uint64_t *seconds)
{
    FILE *f = fopen(UPTIME_PATH, "r");
    unsigned long long whole = 0;
    bool ok = f && fscanf(f, "%llu", &whole) == 1;

    if (f) {
        fclose(f);
    }
    *seconds = whole;
    return ok;
}

/* False if nobody knows. A clock that was set back makes it 0. */
static bool uptime_of(struct xc *xc, uint32_t domid, uint64_t *seconds)
{
    uint64_t begin, now = (uint64_t)time(NULL);

    if (domid == 0) {
        return dom0_uptime(seconds);
    }
    if (xc_domain_start_time(xc, domid, &begin)) {
        return false;
    }
    *seconds = now > begin ? now - begin : 0;
    return true;
}

static void print_long(const char *name, uint32_t domid, const char *up)
{
    printf("%-33s %4u %s\n", name, domid, up);
}

static void print_short(const char *name, uint32_t domid, const char *up)
{
    time_t now = time(NULL);
    char clock[16];

    strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
    printf(" %s up %s, %s (%u)\n", clock, up, name, domid);
}

int cmd_uptime(struct xc *xc, const struct args *args)
{
    bool brief = arg_given(args, 's');
    struct xc_domain *list;
    size_t count;

    if (!domain_select(xc, args, &list, &count)) {
        return XL_FAILED;
    }
    if (!brief) {
        printf("%-33s %4s %s\n", "Name", "ID", "Uptime");
    }
    for (size_t i = 0; i < count; i++) {
        char name[XC_NAME_MAX], up[UPTIME_TEXT_SIZE] = "-";
        uint64_t seconds;

        domain_name_of(xc, list[i].domid, name);
        if (uptime_of(xc, list[i].domid, &seconds)) {
            uptime_format(seconds, brief, up);
        }
        (brief ? print_short : print_long)(name, list[i].domid, up);
    }
    free(list);
    return XL_OK;
}
