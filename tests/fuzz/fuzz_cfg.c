/* SPDX-License-Identifier: MIT */
/*
 * The xl.cfg parser, and what reads a guest out of the result. The first byte
 * says how strings are written, in a file or on a command line; the rest is
 * the text.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl/cfgfile.h"
#include "xl/guestcfg.h"

static void must(int truth, const char *what)
{
    if (!truth) {
        fprintf(stderr, "not so: %s\n", what);
        abort();
    }
}

static void look_at_value(const struct cfg_value *value)
{
    must(value->line > 0 && value->file, "a value has a place");
    must(value->type == CFG_LIST ? !value->text : value->text != NULL,
         "only lists have no text");
    for (size_t i = 0; i < value->item_count; i++) {
        look_at_value(&value->items[i]);
    }
}

static void look_at(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->entry_count; i++) {
        must(cfg->entries[i].key[0], "a key is not empty");
        must(cfg_find(cfg, cfg->entries[i].key) == &cfg->entries[i].value,
             "a key is there once");
        look_at_value(&cfg->entries[i].value);
    }
}

static void read_guest(const struct cfg *cfg)
{
    struct cfg_error err = {{0}};
    struct guest guest;
    int rc = guest_read(&guest, cfg, &err);

    if (rc) {
        must(rc == -EINVAL && err.text[0], "a reason is given");
    } else {
        must(guest.config.name && guest.config.kernel, "a guest is complete");
        must(guest.config.vcpus && guest.config.memory_kib,
             "a guest has a CPU and memory");
        must(guest.config.max_kib >= guest.config.memory_kib,
             "a promise is not less than the target");
    }
    guest_free(&guest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cfg_error err = {{0}};
    struct cfg cfg;
    char *text;
    int rc;

    if (!size) {
        return 0;
    }
    text = malloc(size); /* exactly: reading beyond is caught */
    must(text != NULL, "there is memory");
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    cfg_init(&cfg);
    rc = cfg_parse_text(&cfg, "text", 1, text,
                        data[0] & 1 ? CFG_BARE : CFG_QUOTED, &err);
    must(!rc || (rc == -EINVAL && !strncmp(err.text, "text:", 5)),
         "an error has a place");
    look_at(&cfg);
    read_guest(&cfg);
    cfg_free(&cfg);
    free(text);
    return 0;
}
