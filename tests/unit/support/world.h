/* SPDX-License-Identifier: MIT */
/*
 * A control domain that can make hypercalls, for tests of guest/. Its vCPU 0
 * has paging off, so that an address is what it says: world_ram(a) is where
 * the domain sees address a. 4 MiB of RAM from 0 on.
 */
#ifndef WORLD_H
#define WORLD_H

#include "domain/domain.h"
#include "machine.h"

#define WORLD_RAM (4ULL << 20)

/* Start the machine and the control domain, with `pages` of machine RAM. */
void world_start(uint64_t pages);

/* Domain 0 and its vCPU 0. */
extern struct domain *world_control;
extern struct vcpu *world_vcpu;

/* A plain domain: max_pages 4096, paused once; one reference is the caller's.
 */
struct domain *world_domain(unsigned vcpus);

/* The byte at guest-physical address `at` of domain 0. */
void *world_ram(uint64_t at);

typedef int64_t world_call_fn(struct vcpu *v, const uint64_t args[6]);

/* Put `op` into domain 0's RAM at 0x1000, call, and read it back. Goes on for
 * as long as the call wants to. */
int64_t world_call(world_call_fn *call, void *op, size_t size);

#endif
