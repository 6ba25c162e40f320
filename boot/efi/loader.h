/* loader.h - between the files of the UEFI application that speak with firmware. */
#pragma once

#include "boot/efi/plan.h"

#include <efi.h>
#include <efilib.h>

extern uint8_t leave_uefi[], leave_uefi_end[], payload[], payload_end[];

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system); /* gnu-efi's start calls it */

/* Cleared pages below 4 GiB that the image will not be copied over; 0: none. */
EFI_PHYSICAL_ADDRESS pages_below_4g(UINTN bytes, EFI_MEMORY_TYPE type);

#define CONFIGURATION_MAX (1024u * 1024u)
#define PATH_LENGTH_MAX 512u

/* A text in memory below 4 GiB. */
struct file {
    uint64_t at, size;
};

/* file.c: the configuration that belongs to this machine, from the volume or the server that the
 * application came from.  Says what it found.  False: there is none. */
bool configuration_read(EFI_LOADED_IMAGE *loaded, struct file *file);

/* http.c: the file called `name` beside the URI that the application was loaded from.  Not
 * found, or not loaded by HTTP: false. */
bool read_by_http(EFI_LOADED_IMAGE *loaded, const char *name, struct file *file);
