/* SPDX-License-Identifier: MIT */
/*
 * See instruction.h. Moves only (MOV 88..8B, A0..A3 in 64-bit form, C6, C7,
 * MOVZX 0F B6/B7, MOVSX 0F BE/BF): what drivers use on device memory.
 * Operand addresses are not needed, since nothing is there: only their
 * length in bytes. Intel SDM volume 2, chapter 2 has the encoding.
 */
#include "guest/instruction.h"

#include "guest/copy.h"
#include "types/bits.h"
#include "types/check.h"

#define MAX_LENGTH 15

struct decoder {
    uint8_t bytes[MAX_LENGTH];
    unsigned size; /* bytes that could be read */
    unsigned at;
    bool operand16, address_override, long_mode;
    uint8_t rex;
};

static bool fetch(struct vcpu *v, struct decoder *x)
{
    uint64_t rip = v->regs.rip;
    uint64_t in_page = PAGE_SIZE - (rip & (PAGE_SIZE - 1));

    x->size = (unsigned)MIN(in_page, (uint64_t)MAX_LENGTH);
    if (copy_code(v, x->bytes, rip, x->size)) {
        return false;
    }
    if (x->size < MAX_LENGTH && !copy_code(v, x->bytes + x->size, rip + x->size,
                                           MAX_LENGTH - x->size)) {
        x->size = MAX_LENGTH;
    }
    return true;
}

static uint8_t next(struct decoder *x)
{
    return x->at < x->size ? x->bytes[x->at++] : 0;
}

static void prefixes(struct decoder *x)
{
    for (; x->at < x->size; x->at++) {
        switch (x->bytes[x->at]) {
        case 0x66:
            x->operand16 = true;
            break;
        case 0x67:
            x->address_override = true;
            break;
        case 0x26:
        case 0x2E:
        case 0x36:
        case 0x3E:
        case 0x64:
        case 0x65:
            break;
        default:
            if (x->long_mode && (x->bytes[x->at] & 0xF0) == 0x40) {
                x->rex = x->bytes[x->at++];
            }
            return;
        }
    }
}

/* Step over ModRM, SIB and displacement; returns ModRM. 32 and 64-bit forms. */
static uint8_t skip_modrm(struct decoder *x)
{
    uint8_t modrm = next(x);
    uint8_t mode = modrm >> 6, rm = modrm & 7;
    uint8_t base = rm;

    if (mode != 3 && rm == 4) {
        base = next(x) & 7;
    }
    if (mode == 1) {
        x->at += 1;
    } else if (mode == 2 || (mode == 0 && base == 5)) {
        x->at += 4;
    }
    return modrm;
}

static unsigned operand_size(const struct decoder *x)
{
    return x->rex & 8 ? 8 : (x->operand16 ? 2 : 4);
}

/* All ones into a register: 4-byte results clear the upper half. */
static void set_ones(struct vcpu *v, unsigned reg, unsigned size)
{
    if (size == 8) {
        v->regs.gpr[reg] = ~0ULL;
    } else if (size == 4) {
        v->regs.gpr[reg] = 0xFFFFFFFF;
    } else if (size == 2) {
        v->regs.gpr[reg] |= 0xFFFF;
    }
}

static void set_ones_byte(struct vcpu *v, const struct decoder *x, unsigned reg)
{
    if (!x->rex && reg >= 4 && reg < 8) {
        v->regs.gpr[reg - 4] |= 0xFF00; /* AH CH DH BH */
    } else {
        v->regs.gpr[reg] |= 0xFF;
    }
}

static unsigned reg_of(const struct decoder *x, uint8_t modrm)
{
    return (modrm >> 3 & 7U) | (x->rex & 4U) << 1;
}

static bool two_byte(struct vcpu *v, struct decoder *x)
{
    uint8_t op = next(x);
    uint8_t modrm = skip_modrm(x);
    unsigned reg = reg_of(x, modrm);

    switch (op) {
    case 0xB6: /* MOVZX from 8 bits */
        v->regs.gpr[reg] = 0xFF;
        return true;
    case 0xB7: /* from 16 */
        v->regs.gpr[reg] = 0xFFFF;
        return true;
    case 0xBE: /* MOVSX: ones stay ones */
    case 0xBF:
        set_ones(v, reg, operand_size(x));
        return true;
    default:
        return false;
    }
}

static bool one_byte(struct vcpu *v, struct decoder *x)
{
    uint8_t op = next(x);
    uint8_t modrm;

    switch (op) {
    case 0x0F:
        return two_byte(v, x);
    case 0x88:
    case 0x89: /* to memory: vanishes */
        skip_modrm(x);
        return true;
    case 0x8A:
        modrm = skip_modrm(x);
        set_ones_byte(v, x, reg_of(x, modrm));
        return true;
    case 0x8B:
        modrm = skip_modrm(x);
        set_ones(v, reg_of(x, modrm), operand_size(x));
        return true;
    case 0xC6:
        skip_modrm(x);
        x->at += 1;
        return true;
    case 0xC7:
        skip_modrm(x);
        x->at += x->operand16 ? 2 : 4;
        return true;
    default:
        return false;
    }
}

bool instruction_emulate_hole(struct vcpu *v)
{
    struct decoder x = {.long_mode = arch_guest_long_mode(v->gc)};
    struct guest_regs before = v->regs;

    if (!fetch(v, &x)) {
        return false;
    }
    prefixes(&x);
    if (x.address_override || !one_byte(v, &x) || x.at > x.size) {
        v->regs = before;
        return false;
    }
    arch_guest_skip(v->gc, &v->regs, x.at);
    return true;
}
