/* loader.c - the UEFI application: carries the image, asks firmware for what the image
 * needs to know, puts devices to rest, leaves boot services, and jumps.
 *
 * Source: UEFI Specification 2.10: 4 (system table), 7.2 (memory), 7.4.6 (ExitBootServices),
 * 12.9 (graphics output), 14.4 (PCI I/O).
 * unread in this file: UEFI, SDM, PCI. */
#include "loader.h"

#include <efipciio.h>

#define UEFI_BOOT_MAGIC 0x49464542u /* boot/main.c */
#define EXIT_TRIES 8u               /* each failed one means that the map had changed */
#define MAP_ROOM 16u                /* rows that it may grow by meanwhile */
#define COMMAND_LINE_MAX 4096u
#define READING_TIME_US 3000000u

/* Flat segments of 4 GiB (Intel SDM vol. 3, 3.4.5). */
#define GDT_CODE_32 0x00cf9a000000ffffull
#define GDT_DATA_32 0x00cf92000000ffffull

/* UEFI 2.10 7.7; older gnu-efi has none of it. */
struct memory_attributes {
    EFI_STATUS(EFIAPI *get)(struct memory_attributes *, EFI_PHYSICAL_ADDRESS, UINT64, UINT64 *);
    EFI_STATUS(EFIAPI *set)(struct memory_attributes *, EFI_PHYSICAL_ADDRESS, UINT64, UINT64);
    EFI_STATUS(EFIAPI *clear)(struct memory_attributes *, EFI_PHYSICAL_ADDRESS, UINT64, UINT64);
};

#define MEMORY_READ_ONLY 0x20000ull /* EFI_MEMORY_RO, UEFI 2.10 7.2.3 */
#define MEMORY_NO_EXECUTE 0x4000ull /* EFI_MEMORY_XP */
static EFI_GUID attributes_guid = {
    0xf4560cf6, 0x40ec, 0x4b4a, { 0xa1, 0x92, 0xbf, 0x1d, 0x57, 0xd0, 0xb1, 0x89 }
};

static EFI_GUID pci_guid = EFI_PCI_IO_PROTOCOL_GUID;
static EFI_GUID network_guid = EFI_SIMPLE_NETWORK_PROTOCOL_GUID;
static EFI_GUID graphics_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
static EFI_GUID acpi20_guid = ACPI_20_TABLE_GUID, acpi10_guid = ACPI_TABLE_GUID;

static struct image_place image_place;

static uint64_t read_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* Memory ------------------------------------------------------------------------- */

/* What lies where the image goes stays allocated, so that the next try lies elsewhere. */
EFI_PHYSICAL_ADDRESS pages_below_4g(UINTN bytes, EFI_MEMORY_TYPE type)
{
    UINTN pages = EFI_SIZE_TO_PAGES(bytes);
    for (;;) {
        EFI_PHYSICAL_ADDRESS at = FOUR_GIB - 1;
        if (EFI_ERROR(BS->AllocatePages(AllocateMaxAddress, type, pages, &at)))
            return 0;
        if (at >= image_place.end || at + pages * UEFI_PAGE <= image_place.start) {
            ZeroMem((void *)(uintptr_t)at, pages * UEFI_PAGE);
            return at;
        }
    }
}

static UINTN handles_with(EFI_GUID *protocol, EFI_HANDLE **handles)
{
    UINTN count = 0;
    *handles = NULL;
    return EFI_ERROR(BS->LocateHandleBuffer(ByProtocol, protocol, NULL, &count, handles)) ? 0
                                                                                          : count;
}

/* What firmware tells ------------------------------------------------------------- */

static uint64_t command_line(const EFI_LOADED_IMAGE *loaded)
{
    uint64_t at = pages_below_4g(COMMAND_LINE_MAX, EfiLoaderData);
    if (at && !options_read(loaded->LoadOptions, loaded->LoadOptionsSize, (char *)(uintptr_t)at,
                            COMMAND_LINE_MAX))
        Print(L"millrace: load options are no text: ignored\n");
    return at;
}

static uint64_t acpi_root(const EFI_SYSTEM_TABLE *system)
{
    uint64_t old = 0;
    for (UINTN i = 0; i < system->NumberOfTableEntries; i++) {
        EFI_CONFIGURATION_TABLE *t = &system->ConfigurationTable[i];
        if (!CompareGuid(&t->VendorGuid, &acpi20_guid))
            return (uintptr_t)t->VendorTable;
        if (!CompareGuid(&t->VendorGuid, &acpi10_guid))
            old = (uintptr_t)t->VendorTable;
    }
    return old;
}

/* UEFI 2.10 12.9: a pixel is as wide as its highest mask reaches. */
static uint32_t bits_of(const EFI_PIXEL_BITMASK *masks)
{
    uint32_t all = masks->RedMask | masks->GreenMask | masks->BlueMask | masks->ReservedMask;
    return all ? 32 - (uint32_t)__builtin_clz(all) : 0;
}

static bool masks_of(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *i, struct uefi_framebuffer *f)
{
    f->bits = 32;
    switch (i->PixelFormat) {
    case PixelRedGreenBlueReserved8BitPerColor:
        f->red = 0xff, f->green = 0xff00, f->blue = 0xff0000;
        return true;
    case PixelBlueGreenRedReserved8BitPerColor:
        f->red = 0xff0000, f->green = 0xff00, f->blue = 0xff;
        return true;
    case PixelBitMask:
        f->red = i->PixelInformation.RedMask;
        f->green = i->PixelInformation.GreenMask;
        f->blue = i->PixelInformation.BlueMask;
        f->bits = bits_of(&i->PixelInformation);
        return f->bits == 24 || f->bits == 32;
    default: /* only firmware can draw */
        return false;
    }
}

/* The first screen that has memory of its own: firmware's sum of all screens has none. */
static void framebuffer(struct uefi_framebuffer *f)
{
    EFI_HANDLE *handles;
    UINTN count = handles_with(&graphics_guid, &handles);
    for (UINTN n = 0; n < count && !f->base; n++) {
        EFI_GRAPHICS_OUTPUT_PROTOCOL *g;
        if (EFI_ERROR(BS->HandleProtocol(handles[n], &graphics_guid, (void **)&g)) || !g->Mode ||
            !g->Mode->Info || !g->Mode->FrameBufferBase || !masks_of(g->Mode->Info, f))
            continue;
        f->base = g->Mode->FrameBufferBase;
        f->size = g->Mode->FrameBufferSize;
        f->width = g->Mode->Info->HorizontalResolution;
        f->height = g->Mode->Info->VerticalResolution;
        f->stride = g->Mode->Info->PixelsPerScanLine;
    }
    if (handles)
        BS->FreePool(handles);
}

/* Devices to rest ------------------------------------------------------------------ */

#define PCI_COMMAND 0x04u /* PCI 3.0 6.2.2 */
#define PCI_COMMAND_BUS_MASTER 0x4u
#define PCI_CLASS 0x0bu

/* Drivers of cards refuse to stop while something above them is at work (UEFI 2.10 24.1: only a
 * stopped interface lets go), so the stacks on top come down first. */
static void stop_network_stacks(void)
{
    EFI_HANDLE *handles;
    UINTN count = handles_with(&network_guid, &handles);
    for (UINTN i = 0; i < count; i++) {
        EFI_SIMPLE_NETWORK *card;
        BS->DisconnectController(handles[i], NULL, NULL);
        if (EFI_ERROR(BS->HandleProtocol(handles[i], &network_guid, (void **)&card)))
            continue;
        if (card->Mode->State == EfiSimpleNetworkInitialized)
            card->Shutdown(card);
        if (card->Mode->State == EfiSimpleNetworkStarted)
            card->Stop(card);
    }
    if (handles)
        BS->FreePool(handles);
}

static void each_network_card(void (*fn)(EFI_HANDLE handle, EFI_PCI_IO_PROTOCOL *pci))
{
    EFI_HANDLE *handles;
    UINTN count = handles_with(&pci_guid, &handles);
    for (UINTN i = 0; i < count; i++) {
        EFI_PCI_IO_PROTOCOL *pci;
        UINT8 class = 0;
        if (!EFI_ERROR(BS->HandleProtocol(handles[i], &pci_guid, (void **)&pci)) &&
            !EFI_ERROR(pci->Pci.Read(pci, EfiPciIoWidthUint8, PCI_CLASS, 1, &class)) &&
            class == PCI_CLASS_NETWORK)
            fn(handles[i], pci);
    }
    if (handles)
        BS->FreePool(handles);
}

static void start_driver(EFI_HANDLE handle, EFI_PCI_IO_PROTOCOL *pci)
{
    BS->ConnectController(handle, NULL, NULL, TRUE);
}

void network_cards_start(void)
{
    each_network_card(start_driver);
}

/* Drivers leave bus mastering on when they let go, and one that does not let go as well. */
static void rest(EFI_HANDLE handle, EFI_PCI_IO_PROTOCOL *pci)
{
    UINT16 command = 0;
    EFI_STATUS status = BS->DisconnectController(handle, NULL, NULL);
    if (EFI_ERROR(status) && status != EFI_NOT_FOUND)
        Print(L"millrace: firmware's driver of a network card stays: %r\n", status);
    pci->Pci.Read(pci, EfiPciIoWidthUint16, PCI_COMMAND, 1, &command);
    command &= (UINT16)~PCI_COMMAND_BUS_MASTER;
    pci->Pci.Write(pci, EfiPciIoWidthUint16, PCI_COMMAND, 1, &command);
}

/* Firmware's drivers of network cards let go of them, and no card can write into memory
 * that is ours from the next moment on.  Others rest after the bus scan, which switches bus
 * mastering off before anything else is done with what firmware used. */
static void rest_network_cards(void)
{
    stop_network_stacks();
    each_network_card(rest);
}

/* Leaving --------------------------------------------------------------------------- */

/* The map changes whenever memory is asked for, so it is read into room that is there already,
 * and once more when firmware says that it has changed since (UEFI 2.10 7.4.6).  After the
 * first try firmware may be half gone: nothing but the map may be asked for then. */
static EFI_STATUS exit_boot_services(EFI_HANDLE image, struct uefi_handover *h)
{
    UINTN size = 0, key, descriptor;
    UINT32 version;
    EFI_STATUS status = BS->GetMemoryMap(&size, NULL, &key, &descriptor, &version);
    if (status != EFI_BUFFER_TOO_SMALL)
        return EFI_ERROR(status) ? status : EFI_LOAD_ERROR;
    const UINTN room = size + MAP_ROOM * descriptor;
    h->memory_map = pages_below_4g(room, EfiLoaderData);
    if (!h->memory_map)
        return EFI_OUT_OF_RESOURCES;
    uint8_t *map = (uint8_t *)(uintptr_t)h->memory_map;
    for (unsigned i = 0; i < EXIT_TRIES; i++) {
        size = room;
        status = BS->GetMemoryMap(&size, (EFI_MEMORY_DESCRIPTOR *)map, &key, &descriptor, &version);
        if (EFI_ERROR(status))
            break;
        h->memory_map_size = size;
        h->descriptor_size = descriptor;
        if (memory_in_the_way(map, size, descriptor, image_place))
            return EFI_OUT_OF_RESOURCES;
        status = BS->ExitBootServices(image, key);
        if (!EFI_ERROR(status))
            break;
    }
    return status;
}

/* Firmware goes on with whatever boots next, and clears the screen for it. */
static EFI_STATUS fail(EFI_STATUS status, const CHAR16 *what)
{
    Print(L"millrace: %s: %r\n", what, status);
    BS->Stall(READING_TIME_US);
    return status;
}

/* Where it will run nobody must be who stays: firmware's runtime, ACPI, devices. */
static bool place_is_free(void)
{
    UINTN count, key, size;
    UINT32 version;
    uint8_t *map = (uint8_t *)LibMemoryMap(&count, &key, &size, &version);
    if (!map)
        return false;
    const struct uefi_memory *m = memory_in_the_way(map, count * size, size, image_place);
    if (m)
        Print(L"millrace: firmware keeps memory of type %d, %lx to %lx; "
              L"the image needs %lx to %lx\n",
              m->type, m->physical_start, m->physical_start + m->pages * UEFI_PAGE,
              image_place.start, image_place.end);
    FreePool(map);
    return !m;
}

/* Firmware may have made all memory unfit for code that is not an application's own. */
static void make_executable(uint64_t code)
{
    struct memory_attributes *attributes;
    if (EFI_ERROR(BS->LocateProtocol(&attributes_guid, NULL, (void **)&attributes)))
        return;
    attributes->set(attributes, code, UEFI_PAGE, MEMORY_READ_ONLY);
    attributes->clear(attributes, code, UEFI_PAGE, MEMORY_NO_EXECUTE);
}

/* The image, the way out and its plan, in memory that outlives boot services. */
static struct departure *departure_prepare(const struct departure *plan, struct uefi_handover *h,
                                           uint64_t *code)
{
    uint64_t size = (uint64_t)(payload_end - payload);
    uint64_t copy = pages_below_4g(size, EfiLoaderData);
    struct departure *d = (void *)(uintptr_t)pages_below_4g(sizeof *d, EfiLoaderData);
    *code = pages_below_4g(UEFI_PAGE, EfiLoaderCode);
    if (!copy || !d || !*code)
        return NULL;
    CopyMem((void *)(uintptr_t)copy, payload, size);
    CopyMem((void *)(uintptr_t)*code, leave_uefi, (UINTN)(leave_uefi_end - leave_uefi));
    make_executable(*code);
    *d = *plan;
    d->magic = UEFI_BOOT_MAGIC;
    d->information = (uint32_t)(uintptr_t)h;
    for (unsigned i = 0; i < d->segments; i++)
        d->segment[i].from += (uint32_t)copy;
    d->gdt[1] = GDT_CODE_32;
    d->gdt[2] = GDT_DATA_32;
    d->gdt_limit = sizeof d->gdt - 1;
    d->gdt_base = (uintptr_t)d->gdt;
    return d;
}

/* What the image is told, firmware's last words apart. */
static void tell(struct uefi_handover *h, EFI_SYSTEM_TABLE *system, EFI_LOADED_IMAGE *loaded,
                 uint64_t start_tsc)
{
    struct file file = { 0 };
    *h = (struct uefi_handover){ .magic = UEFI_HANDOVER_MAGIC,
                                 .start_tsc = start_tsc,
                                 .acpi_rsdp = acpi_root(system),
                                 .command_line = command_line(loaded) };
    EFI_STATUS status = configuration_read(loaded, &file);
    if (!EFI_ERROR(status)) {
        h->configuration = file.at;
        h->configuration_size = file.size;
    } else if (status != EFI_NOT_FOUND) {
        h->configuration_lost =
            status == EFI_BAD_BUFFER_SIZE ? UEFI_LOST_TOO_LONG : UEFI_LOST_UNREADABLE;
    }
    framebuffer(&h->framebuffer);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    uint64_t start_tsc = read_tsc(), code;
    EFI_LOADED_IMAGE *loaded;
    struct departure plan;

    InitializeLib(image, system);
    EFI_STATUS status = BS->HandleProtocol(image, &LoadedImageProtocol, (void **)&loaded);
    if (EFI_ERROR(status))
        return fail(status, L"who loaded me");
    if (!image_segments(payload, (uint64_t)(payload_end - payload), &plan, &image_place))
        return fail(EFI_LOAD_ERROR, L"the image I carry is none");
    if (!place_is_free())
        return fail(EFI_OUT_OF_RESOURCES, L"no room");

    struct uefi_handover *h = (void *)(uintptr_t)pages_below_4g(sizeof *h, EfiLoaderData);
    struct departure *d = h ? departure_prepare(&plan, h, &code) : NULL;
    if (!d)
        return fail(EFI_OUT_OF_RESOURCES, L"memory below 4 GiB");
    tell(h, system, loaded, start_tsc);
    rest_network_cards();
    status = exit_boot_services(image, h);
    if (EFI_ERROR(status)) /* no way back: what could boot next has lost its network cards */
        RT->ResetSystem(EfiResetCold, status, 0, NULL);
    ((void (*)(struct departure *))(uintptr_t)code)(d);
    return EFI_LOAD_ERROR; /* not reached */
}
