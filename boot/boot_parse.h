/* boot_parse.h - what the front doors' parsers share; nobody else needs it.
 *
 * A parser calls boot_parse_begin(), then the others as it meets things, and
 * boot_parse_end() last.  Each reports what it refuses through boot_problem()
 * and goes on. */
#pragma once

#include "boot/boot_info.h"

/* Row types of the BIOS E820 map, which every protocol here hands on unchanged
 * (unread: ACPI 6.6 15.1, table 15.4).  Every other type belongs to somebody else. */
#define BOOT_E820_RAM 1u

/* Clears everything but start_tsc. */
void boot_parse_begin(struct boot_info *info, const char *protocol);
/* Notes what was refused; only the first one stays. */
void boot_problem(struct boot_info *info, const char *what);
/* Copies a zero-terminated string. */
void boot_set_command_line(struct boot_info *info, const struct boot_reader *reader, uint64_t pa);
/* An empty module counts: it is an empty configuration. */
void boot_add_module(struct boot_info *info, const struct boot_reader *reader, uint64_t start,
                     uint64_t size);
/* Forgets a framebuffer that contradicts itself or that we cannot draw on. */
void boot_check_framebuffer(struct boot_info *info);
/* Takes out of the usable RAM what is read after the parser: modules and RSDP. */
void boot_parse_end(struct boot_info *info);
