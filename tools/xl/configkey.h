/* SPDX-License-Identifier: MIT */
/* The keys of a configuration file: what each is, for readers and programs. */
#ifndef XL_CONFIGKEY_H
#define XL_CONFIGKEY_H

#include <stddef.h>

#include "cfgfile.h"

enum key_use {
    KEY_READ,    /* it means something here */
    KEY_IGNORED, /* accepted without a word */
    KEY_ABSENT,  /* Xen's xl has it; there is nothing like it here */
};

struct config_key {
    const char *name;
    enum key_use use;
    const char *form;     /* of its value, as in KEY=FORM */
    const char *standard; /* what holds without it; NULL: it is required */
    const char *text;     /* sentences; NULL for an absent one */
};

struct config_keys {
    const struct config_key *keys;
    size_t count;
};

extern const struct config_keys guest_keys; /* of xl.cfg */
extern const struct config_keys host_keys;  /* of xl.conf */

/* Warn of each key in `cfg` that is not read. */
void config_keys_check(const struct config_keys *keys, const struct cfg *cfg);

#endif
