/* SPDX-License-Identifier: MIT */
/* For tests of layers right of base, where the real one lives. */
#include <stdio.h>
#include <stdlib.h>

#include "types/check.h"

void check_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "CHECK(%s) failed at %s:%d\n", what, file, line);
    abort();
}
