/* symbols.h - function names for backtraces, made by tools/symbols after the
 * first link.  Sorted by address, ended by a zero row. */
#pragma once

#include <stdint.h>

struct symbol {
    uint64_t address;
    const char *name;
};

extern const struct symbol symbol_table[];
