/* SPDX-License-Identifier: MIT */
/* A decoder for the few instructions that guests use on addresses where
 * nothing is. */
#ifndef GUEST_INSTRUCTION_H
#define GUEST_INSTRUCTION_H

#include "domain/vcpu.h"

/*
 * v stands on an instruction that touches memory which is not there (or not
 * writable). If it is a move between memory and a register or immediate, do
 * it: reads give all ones, writes vanish; skip it and return true.
 */
bool instruction_emulate_hole(struct vcpu *v);

#endif
