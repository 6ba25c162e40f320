/* loader.c - the UEFI application: carries the image, asks firmware for what the image
 * needs to know, puts devices to rest, leaves boot services, and jumps.
 *
 * Source: UEFI Specification 2.10: 4 (system table), 7.2 (memory), 7.4.6 (ExitBootServices),
 * 12.9 (graphics output), 14.4 (PCI I/O). */
#include "loader.h"

#include <efipciio.h>

#define UEFI_BOOT_MAGIC 0x49464542u /* boot/main.c */
#define EXIT_TRIES 8u               /* each failed one means that the map had changed */
#define MAP_ROOM 16u                /* rows that it may grow by meanwhile */
#define COMMAND_LINE_MAX 4096u

static EFI_GUID pci_guid = EFI_PCI_IO_PROTOCOL_GUID;
static EFI_GUID graphics_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
static EFI_GUID acpi20_guid = ACPI_20_TABLE_GUID, acpi10_guid = ACPI_TABLE_GUID;

static uint64_t image_start_pa, image_end_pa;

static uint64_t read_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* Memory ------------------------------------------------------------------------- */

void set_image_range(uint64_t start, uint64_t end)
{
    image_start_pa = start;
    image_end_pa = end;
}

/* What lies where the image goes stays allocated, so that the next try lies elsewhere. */
EFI_PHYSICAL_ADDRESS pages_below_4g(UINTN bytes)
{
    UINTN pages = EFI_SIZE_TO_PAGES(bytes);
    for (;;) {
        EFI_PHYSICAL_ADDRESS at = FOUR_GIB - 1;
        if (EFI_ERROR(BS->AllocatePages(AllocateMaxAddress, EfiLoaderData, pages, &at)))
            return 0;
        if (at >= image_end_pa || at + pages * UEFI_PAGE <= image_start_pa) {
            ZeroMem((void *)(uintptr_t)at, pages * UEFI_PAGE);
            return at;
        }
    }
}

/* What firmware tells ------------------------------------------------------------- */

static bool is_blank(CHAR16 c)
{
    return c == ' ' || c == '\t';
}

/* A shell hands over the name it was called by as well: "FS0:\millrace.efi -- ...". */
static const CHAR16 *skip_name(const CHAR16 *text, const CHAR16 *end)
{
    static const CHAR16 suffix[] = { '.', 'e', 'f', 'i' };
    const CHAR16 *word = text;
    while (word < end && *word && !is_blank(*word))
        word++;
    for (unsigned i = 0; i < 4; i++)
        if (word - text < 4 || (word[(int)i - 4] | ('A' ^ 'a')) != (suffix[i] | ('A' ^ 'a')))
            return text;
    while (word < end && is_blank(*word))
        word++;
    return word;
}

/* Load options are UCS-2; what is no ASCII becomes '?', and the grammar refuses it. */
static uint64_t command_line(const EFI_LOADED_IMAGE *loaded)
{
    const CHAR16 *from = loaded->LoadOptions, *end = from + loaded->LoadOptionsSize / 2;
    uint64_t at = from ? pages_below_4g(COMMAND_LINE_MAX) : 0;
    if (!at)
        return 0;
    char *to = (char *)(uintptr_t)at;
    for (from = skip_name(from, end); from < end && *from; from++)
        if (to < (char *)(uintptr_t)at + COMMAND_LINE_MAX - 1)
            *to++ = *from < 128 ? (char)*from : '?';
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

static void framebuffer(struct uefi_framebuffer *f)
{
    EFI_GRAPHICS_OUTPUT_PROTOCOL *g;
    if (EFI_ERROR(BS->LocateProtocol(&graphics_guid, NULL, (void **)&g)) || !g->Mode->Info)
        return;
    const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *i = g->Mode->Info;
    switch (i->PixelFormat) {
    case PixelRedGreenBlueReserved8BitPerColor:
        f->red = 0xff, f->green = 0xff00, f->blue = 0xff0000;
        break;
    case PixelBlueGreenRedReserved8BitPerColor:
        f->red = 0xff0000, f->green = 0xff00, f->blue = 0xff;
        break;
    case PixelBitMask:
        f->red = i->PixelInformation.RedMask;
        f->green = i->PixelInformation.GreenMask;
        f->blue = i->PixelInformation.BlueMask;
        break;
    default: /* only firmware can draw */
        return;
    }
    f->base = g->Mode->FrameBufferBase;
    f->size = g->Mode->FrameBufferSize;
    f->width = i->HorizontalResolution;
    f->height = i->VerticalResolution;
    f->stride = i->PixelsPerScanLine;
}

/* Devices to rest ------------------------------------------------------------------ */

/* Firmware's drivers of network cards let go of them, and no card can write into memory
 * that is ours from the next moment on.  Others rest after the bus scan, which switches bus
 * mastering off before anything else is done with what firmware used. */
static void rest_network_cards(void)
{
    UINTN count = 0;
    EFI_HANDLE *handles = NULL;
    if (EFI_ERROR(BS->LocateHandleBuffer(ByProtocol, &pci_guid, NULL, &count, &handles)))
        return;
    for (UINTN i = 0; i < count; i++) {
        EFI_PCI_IO_PROTOCOL *pci;
        UINT8 class = 0;
        if (EFI_ERROR(BS->HandleProtocol(handles[i], &pci_guid, (void **)&pci)) ||
            EFI_ERROR(pci->Pci.Read(pci, EfiPciIoWidthUint8, 0x0b, 1, &class)) ||
            class != PCI_CLASS_NETWORK)
            continue;
        BS->DisconnectController(handles[i], NULL, NULL);
        pci->Attributes(pci, EfiPciIoAttributeOperationDisable, EFI_PCI_IO_ATTRIBUTE_BUS_MASTER,
                        NULL);
    }
    BS->FreePool(handles);
}

/* Leaving --------------------------------------------------------------------------- */

/* The map changes whenever memory is asked for, so it is read into room that is there already,
 * and once more when firmware says that it has changed since (UEFI 2.10 7.4.6). */
static EFI_STATUS exit_boot_services(EFI_HANDLE image, struct uefi_handover *h)
{
    UINTN size = 0, key, descriptor;
    UINT32 version;
    EFI_STATUS status = BS->GetMemoryMap(&size, NULL, &key, &descriptor, &version);
    if (status != EFI_BUFFER_TOO_SMALL)
        return status;
    UINTN room = size + MAP_ROOM * descriptor;
    h->memory_map = pages_below_4g(room);
    if (!h->memory_map)
        return EFI_OUT_OF_RESOURCES;
    for (unsigned i = 0; i < EXIT_TRIES; i++) {
        size = room;
        status =
            BS->GetMemoryMap(&size, (void *)(uintptr_t)h->memory_map, &key, &descriptor, &version);
        if (EFI_ERROR(status))
            return status;
        h->memory_map_size = size;
        h->descriptor_size = descriptor;
        status = BS->ExitBootServices(image, key);
        if (!EFI_ERROR(status))
            return status;
    }
    return status;
}

static EFI_STATUS fail(EFI_STATUS status, const CHAR16 *what)
{
    Print(L"millrace: %s: %r\n", what, status);
    return status;
}

/* Where it will run nobody must be who stays: firmware's runtime, ACPI, devices. */
static bool place_is_free(uint64_t start, uint64_t end)
{
    EFI_PHYSICAL_ADDRESS at = start & ~(uint64_t)(UEFI_PAGE - 1);
    UINTN pages = EFI_SIZE_TO_PAGES(end - at);
    if (!EFI_ERROR(BS->AllocatePages(AllocateAddress, EfiLoaderData, pages, &at)))
        return true;
    UINTN count, key, size;
    UINT32 version;
    EFI_MEMORY_DESCRIPTOR *map = LibMemoryMap(&count, &key, &size, &version);
    uint64_t covered = 0;
    for (UINTN i = 0; map && i < count; i++) {
        EFI_MEMORY_DESCRIPTOR *m = (void *)((uint8_t *)map + i * size);
        uint64_t first = m->PhysicalStart > at ? m->PhysicalStart : at;
        uint64_t last = m->PhysicalStart + m->NumberOfPages * UEFI_PAGE;
        last = last < at + pages * UEFI_PAGE ? last : at + pages * UEFI_PAGE;
        bool passing = m->Type == EfiConventionalMemory || m->Type == EfiBootServicesCode ||
                       m->Type == EfiBootServicesData || m->Type == EfiLoaderCode ||
                       m->Type == EfiLoaderData;
        if (passing && first < last)
            covered += last - first;
    }
    if (map)
        FreePool(map);
    return covered == pages * UEFI_PAGE;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    uint64_t start_tsc = read_tsc(), size = (uint64_t)(payload_end - payload);
    EFI_LOADED_IMAGE *loaded;
    struct departure plan = { .magic = UEFI_BOOT_MAGIC };

    InitializeLib(image, system);
    EFI_STATUS status = BS->HandleProtocol(image, &LoadedImageProtocol, (void **)&loaded);
    if (EFI_ERROR(status))
        return fail(status, L"who loaded me");
    if (!image_segments(payload, size, &plan))
        return fail(EFI_LOAD_ERROR, L"the image I carry is none");
    if (!place_is_free(image_start_pa, image_end_pa))
        return fail(EFI_OUT_OF_RESOURCES, L"firmware stays where the image would go");

    uint64_t copy = pages_below_4g(size), code = pages_below_4g(UEFI_PAGE);
    struct departure *d = (void *)(uintptr_t)pages_below_4g(sizeof *d);
    struct uefi_handover *h = (void *)(uintptr_t)pages_below_4g(sizeof *h);
    if (!copy || !code || !d || !h)
        return fail(EFI_OUT_OF_RESOURCES, L"memory below 4 GiB");
    CopyMem((void *)(uintptr_t)copy, payload, size);
    CopyMem((void *)(uintptr_t)code, leave_uefi, (UINTN)(leave_uefi_end - leave_uefi));
    *h = (struct uefi_handover){ .magic = UEFI_HANDOVER_MAGIC,
                                 .start_tsc = start_tsc,
                                 .acpi_rsdp = acpi_root(system),
                                 .command_line = command_line(loaded) };
    configuration_read(image, loaded, &h->configuration, &h->configuration_size);
    framebuffer(&h->framebuffer);
    plan.information = (uint32_t)(uintptr_t)h;
    for (unsigned i = 0; i < plan.segments; i++)
        plan.segment[i].from += (uint32_t)copy;
    *d = plan;

    rest_network_cards();
    status = exit_boot_services(image, h);
    if (EFI_ERROR(status))
        return fail(status, L"boot services do not end");
    ((void (*)(struct departure *))(uintptr_t)code)(d);
    return EFI_LOAD_ERROR; /* not reached */
}
