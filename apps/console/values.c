/* values.c - the kinds of values that any room's commands take (command.h). */
#include "apps/console/command.h"

#include "pci/pci.h"

#include <string.h>

static bool value_number(const char *word, struct command_arg *arg)
{
    return parse_number(word, &arg->number);
}

static bool value_prefix(const char *word, struct command_arg *arg)
{
    return parse_prefix(word, &arg->prefix, true);
}

static bool value_address(const char *word, struct command_arg *arg)
{
    return parse_prefix(word, &arg->prefix, false);
}

static bool value_mac(const char *word, struct command_arg *arg)
{
    return parse_mac(word, arg->mac);
}

static bool value_bdf(const char *word, struct command_arg *arg)
{
    uint32_t bdf;

    if (!pci_bdf_parse(word, &bdf))
        return false;
    arg->number = bdf;
    return true;
}

static bool value_name(const char *word, struct command_arg *arg)
{
    return parse_name(word);
}

static bool value_any(const char *word, struct command_arg *arg)
{
    return true;
}

COMMAND_WORD(word_number) = { .name = "NUMBER", .example = "1500", .parse = value_number };
COMMAND_WORD(word_prefix) = { .name = "PREFIX", .example = "192.0.2.0/24", .parse = value_prefix };
COMMAND_WORD(word_address) = { .name = "ADDRESS", .example = "192.0.2.1", .parse = value_address };
COMMAND_WORD(word_mac) = { .name = "MAC", .example = "02:00:00:00:00:01", .parse = value_mac };
COMMAND_WORD(word_bdf) = { .name = "BDF", .example = "0000:01:00.0", .parse = value_bdf };
COMMAND_WORD(word_name) = {
    .name = "NAME", .example = "br0", .is_name = true, .parse = value_name
};
COMMAND_WORD(word_word) = { .name = "WORD", .example = "any text", .parse = value_any };
COMMAND_WORD(word_line) = {
    .name = "LINE", .example = "any text", .rest = true, .parse = value_any
};
