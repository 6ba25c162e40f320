/* loader_memory.h - what a boot loader left in memory, for parser tests.
 *
 * Each piece is an allocation of exactly its size, so a parser that looks
 * past the end of anything is seen by the sanitizer. */
#pragma once

#include "boot/boot_info.h"

void loader_memory_reset(void);
/* Copies size bytes to physical address pa and gives the copy. */
uint8_t *loader_memory_add(uint64_t pa, const void *bytes, size_t size);
extern const struct boot_reader loader_memory_reader;
