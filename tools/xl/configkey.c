/* SPDX-License-Identifier: MIT */
/*
 * Keys that are not read are warned about, each with the place where it is:
 * by that name if xl has it on other hosts, as unknown otherwise, which is
 * most likely a typing error.
 */
#include "configkey.h"

#include <string.h>

#include "message.h"

static const struct config_key *find(const struct config_keys *keys,
                                     const char *name)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (!strcmp(keys->keys[i].name, name)) {
            return &keys->keys[i];
        }
    }
    return NULL;
}

/* vif = [] asks for nothing, so nothing is missed. */
static bool asks_for_nothing(const struct cfg_value *value)
{
    return value->type == CFG_LIST && !value->item_count;
}

void config_keys_check(const struct config_keys *keys, const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->entry_count; i++) {
        const struct cfg_value *value = &cfg->entries[i].value;
        const char *name = cfg->entries[i].key;
        const struct config_key *key = find(keys, name);

        if ((key && key->use != KEY_ABSENT) || asks_for_nothing(value)) {
            continue;
        }
        warn("%s:%u: key '%s' is %s and ignored", value->file, value->line,
             name, key ? "not supported" : "unknown");
    }
}
