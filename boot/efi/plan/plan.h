/* plan.h - the parts of the UEFI application that know no firmware: bytes in, decisions
 * out.  They are tested and fuzzed as a Linux program.
 * unread in this file: UEFI, RFC 2131, RFC 2132. */
#pragma once

#include "boot/uefi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENTS_MAX 8u
#define FOUR_GIB 0x100000000ull
#define MAC_LENGTH 6u

/* What leave.S reads: offsets are written down there. */
struct departure {
    uint32_t entry, magic, information, segments;
    uint64_t gdt[3];
    uint16_t pad[3], gdt_limit;
    uint64_t gdt_base;
    struct {
        uint32_t to, from, bytes, zeros;
    } segment[SEGMENTS_MAX];
};
_Static_assert(offsetof(struct departure, gdt_limit) == 46, "leave.S");
_Static_assert(offsetof(struct departure, segment) == 56, "leave.S");

/* Physical addresses, [start, end). */
struct image_place {
    uint64_t start, end;
};

/* The carried image's segments, `from` counted from the image's first byte; false: it is none. */
bool image_segments(const uint8_t *elf, uint64_t size, struct departure *d,
                    struct image_place *place);

/* The first row of firmware's memory map that will still be in use where the image goes, or a
 * row of no pages where the map says nothing about some part of it; NULL: it may go there. */
const struct uefi_memory *memory_in_the_way(const uint8_t *map, uint64_t size, uint64_t step,
                                            struct image_place place);

/* What load options say (UEFI 2.10 9.1 leaves their form to whoever wrote them): UCS-2, or
 * bytes; the application's name in front is dropped.  False: they are no text at all, and line is
 * empty. */
bool options_read(const void *options, uint32_t size, char *line, unsigned room);

#define CONFIGURATION_NAME_MAX 32u
/* millrace-02-00-00-00-00-01.conf, or millrace.conf where mac is NULL. */
void configuration_name(const uint8_t *mac, char name[CONFIGURATION_NAME_MAX]);

/* Appends a node of a file path, `length` characters of unaligned UCS-2, to the n that path has; a
 * separator may be missing between nodes, or be in both (UEFI 2.10 10.3.5.4).  What is beyond room
 * is left out.  Returns how many path has then. */
unsigned path_append(uint16_t *path, unsigned n, unsigned room, const uint8_t *text,
                     unsigned length);

/* The file `name` in the folder of `path`, whose separators are slashes of either kind; false: too
 * long.  A query or fragment of a URI is no part of its path. */
bool path_beside(const char *path, const char *name, char *to, unsigned room);

/* A PXE server's packet: the boot file that it names (RFC 2131 4.1, RFC 2132 9.3 to 9.5: header
 * field or option 67), as a string, and the server that has it (siaddr, or else option 54). */
struct boot_offer {
    uint8_t server[4];
    char file[256];
};
bool boot_offer_read(const uint8_t *packet, unsigned size, struct boot_offer *offer);
