/* SPDX-License-Identifier: MIT */
/* Inside of sysctl 24: what a command's handler is given, and those that are in
 * another file than the table (sysctl_tmem.c). */
#ifndef GUEST_SYSCTL_TMEM_H
#define GUEST_SYSCTL_TMEM_H

#include "domain/tmem_client.h"
#include "guest/sysctl.h"
#include "public/podium.h"

struct tmem_call {
    struct vcpu *caller;
    const struct podium_tmem_control *op;
    struct domain *d; /* NULL: the command is about all */
    struct tmem_client *client;
};

typedef int tmem_handler(const struct tmem_call *c);

tmem_handler tmem_control_save_begin;
tmem_handler tmem_control_save_end;
tmem_handler tmem_control_save_next_page;
tmem_handler tmem_control_save_next_flushed;
tmem_handler tmem_control_restore_begin;
tmem_handler tmem_control_restore_put;
tmem_handler tmem_control_restore_flush;

#endif
