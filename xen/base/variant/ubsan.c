/* SPDX-License-Identifier: MIT */
/*
 * make xen VARIANT=checked: what the compiler's checks for undefined behaviour
 * call. Each is told where in the source it stands; the machine stops with
 * that line, as it does for CHECK.
 *
 * The names and what is passed are the compiler's (GCC and Clang agree): first
 * a structure that begins with the place, then values, of which the first is
 * the most telling one. Since the build says -fno-sanitize-recover, the checks
 * that could go on call names that end in _abort.
 */
#include "base/panic.h"
#include "types/words.h"

struct place {
    const char *file;
    uint32_t line, column;
};

static noreturn_fn void undefined(const char *what, const struct place *at,
                                  uint64_t value)
{
    panic("undefined behaviour at %s:%u:%u: %s (0x%lx)", at->file, at->line,
          at->column, what, value);
}

#define HANDLER(name, what)                                                    \
    noreturn_fn void __ubsan_handle_##name(const struct place *at,             \
                                           uint64_t value);                    \
    void __ubsan_handle_##name(const struct place *at, uint64_t value)         \
    {                                                                          \
        undefined(what, at, value);                                            \
    }

HANDLER(type_mismatch_v1_abort, "a pointer that is NULL or not aligned")
HANDLER(pointer_overflow_abort, "a pointer overflows")
HANDLER(out_of_bounds_abort, "an index beyond its array")
HANDLER(add_overflow_abort, "an addition overflows")
HANDLER(sub_overflow_abort, "a subtraction overflows")
HANDLER(mul_overflow_abort, "a multiplication overflows")
HANDLER(negate_overflow_abort, "a negation overflows")
HANDLER(divrem_overflow_abort, "a division by zero, or one that overflows")
HANDLER(shift_out_of_bounds_abort, "a shift too far, or of a negative number")
HANDLER(load_invalid_value_abort, "a bool or enum with none of its values")
HANDLER(invalid_builtin_abort, "0 passed to a builtin that counts zeros")
HANDLER(nonnull_arg_abort, "NULL for an argument that must not be NULL")
HANDLER(vla_bound_not_positive_abort, "an array of no elements")
HANDLER(builtin_unreachable, "what cannot be reached")
HANDLER(missing_return, "the end of a function without its value")
