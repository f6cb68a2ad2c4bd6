/* SPDX-License-Identifier: MIT */
/*
 * Amounts of memory as a user types them.
 *
 * Everything inside the tools counts KiB, because that is what the target in
 * xenstore counts. A unit is therefore a shift from KiB: to the left for the
 * large ones, to the right for bytes.
 */
#include "size.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct unit {
    char suffix;
    int shift; /* from KiB; negative for units below it */
};

static const struct unit units[] = {
    {'t', 30}, {'g', 20}, {'m', 10}, {'\0', 10}, {'k', 0}, {'b', -10},
};

static const struct unit *unit_find(char suffix)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].suffix == tolower((unsigned char)suffix)) {
            return &units[i];
        }
    }
    return NULL;
}

int size_parse_kib(const char *text, uint64_t *kib)
{
    const struct unit *unit;
    unsigned long long amount;
    char *end;

    /* strtoull would take leading blanks and a minus sign. */
    if (!isdigit((unsigned char)text[0])) {
        return -EINVAL;
    }
    errno = 0;
    amount = strtoull(text, &end, 10);
    if (errno) {
        return -ERANGE;
    }
    unit = unit_find(*end);
    if (!unit || (*end && end[1])) {
        return -EINVAL;
    }
    if (unit->shift < 0) {
        *kib = amount >> -unit->shift;
        return 0;
    }
    if (amount > UINT64_MAX >> unit->shift) {
        return -ERANGE;
    }
    *kib = amount << unit->shift;
    return 0;
}
