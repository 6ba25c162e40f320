/* machine.h - the whole machine: what it is, and how it ends. */
#pragma once

#include "kernel/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* ACPI first, then what always worked; a log line and a return when nothing did. */
void machine_poweroff(void);
void machine_reboot(void);

const char *machine_cpu_name(void);      /* brand string of the boot CPU */
bool machine_is_guest(void);              /* of a hypervisor that does not hide */
const char *machine_boot_protocol(void); /* "PVH", ... */

/* build/version.c, written by the Makefile. */
extern const char version_string[]; /* "0.1.0" */
extern const char version_commit[]; /* "1a2b3c4" or "1a2b3c4-modified" */
extern const char version_date[];   /* of the commit, ISO 8601 */
extern const char version_compiler[];

/* Cause, registers and a backtrace, then a reset (or not: `panic=halt`).  For
 * states that cannot be continued at set-up; never on the data path. */
NORETURN void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* What `debug crash` offers, in this order: null, text, rodata, execute,
 * unmapped, stack, invalid, panic.  Tests see each one told. */
void machine_crash(unsigned kind);
