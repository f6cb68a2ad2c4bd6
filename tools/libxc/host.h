/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_HOST_H
#define LIBXC_HOST_H

#include <stdint.h>

/* "credit2", "null", ...; "unknown" for anything else. Static string. */
const char *host_scheduler_name(uint32_t id);

#endif
