/* SPDX-License-Identifier: MIT */
/*
 * What the word in a machine check bank means: to us (mce_judge()), and to who
 * reads the log. The low 16 bits are a code that both vendors use alike
 * (Intel SDM volume 3, "Interpreting the MCA error codes").
 */
#include "arch/trouble.h"
#include "arch/x86/mce.h"
#include "lib/printf.h"

enum mce_verdict mce_judge(uint64_t status, bool can_go_on, bool from_guest)
{
    bool task_lost = !can_go_on || (status & MC_TASK_CORRUPT);

    if (!(status & MC_VALID)) {
        return MCE_NOTHING;
    }
    if (!(status & MC_UNCORRECTED)) {
        return MCE_CORRECTED;
    }
    if ((status & MC_STATE_CORRUPT) || (task_lost && !from_guest) ||
        !(status & MC_HAS_ADDRESS)) {
        return MCE_FATAL;
    }
    return MCE_PAGE;
}

static const char *level_name(uint64_t code)
{
    static const char *const names[4] = {"first level", "second level",
                                         "third level", "some level"};

    return names[code & 3];
}

static const char *request_name(uint64_t code)
{
    static const char *const names[16] = {
        "error",     "read",       "write",
        "data read", "data write", "instruction fetch",
        "prefetch",  "eviction",   "snoop",
    };
    const char *name = names[code >> 4 & 15];

    return name ? name : "unknown request";
}

static const char *memory_request_name(uint64_t code)
{
    static const char *const names[8] = {"undefined", "read", "write",
                                         "command", "scrub"};
    const char *name = names[code >> 4 & 7];

    return name ? name : "unknown request";
}

/* The simple codes: a number each. */
static const char *simple_name(uint64_t code)
{
    static const char *const names[] = {
        "no error",
        "unclassified",
        "microcode ROM parity",
        "external",
        "functional redundancy check",
        "internal parity",
        "SMM handler",
    };

    if (code < ARRAY_COUNT(names)) {
        return names[code];
    }
    return code == 0x400 ? "internal timer" : "internal";
}

static void name_code(uint64_t status, char *text, size_t size)
{
    uint64_t code = status & 0xEFFF; /* bit 12: how it is filtered */

    if ((code & 0xF800) == 0x0800) {
        format_text(text, size, "bus, %s, %s", request_name(code),
                    level_name(code));
    } else if ((code & 0xFF80) == 0x0080) {
        unsigned channel = code & 15;

        format_text(text, size, "memory controller, %s, channel %u",
                    memory_request_name(code), channel);
    } else if ((code & 0xFF00) == 0x0100) {
        format_text(text, size, "cache, %s, %s", request_name(code),
                    level_name(code));
    } else if ((code & 0xFFF0) == 0x0010) {
        format_text(text, size, "TLB, %s", level_name(code));
    } else {
        format_text(text, size, "%s", simple_name(code));
    }
}

void arch_trouble_text(uint64_t status, char *text, size_t size)
{
    char what[80];

    name_code(status, what, sizeof(what));
    format_text(text, size, "%s (%s%s%s)", what,
                status & MC_UNCORRECTED ? "uncorrected" : "corrected",
                status & MC_STATE_CORRUPT ? ", processor state lost" : "",
                status & MC_OVERFLOW ? ", and others before it" : "");
}
