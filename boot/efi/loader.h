/* loader.h - between the files of the UEFI application. */
#pragma once

#include "boot/uefi.h"

#include <efi.h>
#include <efilib.h>
#include <stdbool.h>
#include <stdint.h>

#define SEGMENTS_MAX 8u
#define FOUR_GIB 0x100000000ull

/* What leave.S reads. */
struct departure {
    uint32_t entry, magic, information, segments;
    struct {
        uint32_t to, from, bytes, zeros;
    } segment[SEGMENTS_MAX];
};
_Static_assert(sizeof(struct departure) == 16 + 16 * SEGMENTS_MAX, "leave.S");

extern uint8_t leave_uefi[], leave_uefi_end[], payload[], payload_end[];

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system); /* gnu-efi's start calls it */

/* Pages below 4 GiB that the image will not be copied over; 0: none. */
EFI_PHYSICAL_ADDRESS pages_below_4g(UINTN bytes);
void set_image_range(uint64_t start, uint64_t end);

/* elf.c: the carried image's segments, without the places they come from; false: it is none. */
bool image_segments(const uint8_t *elf, uint64_t size, struct departure *d);

/* file.c: the configuration that belongs to this machine, from the volume or the server that the
 * application came from: in memory below 4 GiB.  False: there is none. */
bool configuration_read(EFI_HANDLE image, EFI_LOADED_IMAGE *loaded, uint64_t *at, uint64_t *size);
