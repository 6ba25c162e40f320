/* loader.h - between the files of the UEFI application that speak with firmware. */
#pragma once

#include "boot/efi/plan/plan.h"

#include <efi.h>
#include <efilib.h>

extern uint8_t leave_uefi[], leave_uefi_end[], payload[], payload_end[];

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system); /* gnu-efi's start calls it */

/* Cleared pages below 4 GiB that the image will not be copied over; 0: none. */
EFI_PHYSICAL_ADDRESS pages_below_4g(UINTN bytes, EFI_MEMORY_TYPE type);

/* Has firmware start the drivers that it has for network cards; booting from a disk it may not. */
void network_cards_start(void);

#define CONFIGURATION_MAX UEFI_CONFIGURATION_MAX
#define PATH_LENGTH_MAX 512u

/* A text in memory below 4 GiB. */
struct file {
    uint64_t at, size;
};

/* file.c: the configuration that belongs to this machine, from the volume or the server that the
 * application came from.  Says what it found.  EFI_NOT_FOUND: there is none.  Any other error: it
 * is there and could not be read, and no other must take its place; EFI_BAD_BUFFER_SIZE: because
 * it is longer than CONFIGURATION_MAX. */
EFI_STATUS configuration_read(EFI_LOADED_IMAGE *loaded, struct file *file);

/* http.c: the file called `name` beside the URI that the application was loaded from.
 * EFI_NOT_FOUND also where it was not loaded by HTTP. */
EFI_STATUS read_by_http(EFI_LOADED_IMAGE *loaded, const char *name, struct file *file);
