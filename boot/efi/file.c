/* file.c - millrace.conf from where the application came from: beside it on a volume, or
 * from the TFTP or HTTP server.
 *
 * millrace-02-00-00-00-00-01.conf (the address of the network card it booted from, or, on a
 * volume, of any card that firmware drives) goes before millrace.conf.
 *
 * Sources: UEFI 2.10 9.1 (loaded image), 13.4 and 13.5 (file system), 24.3 (PXE base code). */
#include "loader.h"

#include <string.h>

#define MACS_MAX 16u
#define PXE_PACKET_SIZE 1472u /* UEFI 2.10 24.3: a union of that size; gnu-efi 3.0 has a struct */

static EFI_GUID pxe_guid = EFI_PXE_BASE_CODE_PROTOCOL_GUID;
static EFI_GUID network_guid = EFI_SIMPLE_NETWORK_PROTOCOL_GUID;

/* The machine's network cards ---------------------------------------------------- */

struct macs {
    unsigned count;
    uint8_t mac[MACS_MAX][MAC_LENGTH];
};

/* The card that a network boot came through: a node of its device path (UEFI 2.10 10.3.4.11). */
static bool mac_of_path(EFI_LOADED_IMAGE *loaded, struct macs *macs)
{
    EFI_DEVICE_PATH *node = DevicePathFromHandle(loaded->DeviceHandle);
    for (; node && !IsDevicePathEnd(node); node = NextDevicePathNode(node)) {
        if (DevicePathType(node) != MESSAGING_DEVICE_PATH ||
            DevicePathSubType(node) != MSG_MAC_ADDR_DP)
            continue;
        memcpy(macs->mac[macs->count++], ((MAC_ADDR_DEVICE_PATH *)node)->MacAddress.Addr,
               MAC_LENGTH);
        return true;
    }
    return false;
}

static void macs_find(EFI_LOADED_IMAGE *loaded, struct macs *macs)
{
    UINTN count = 0;
    EFI_HANDLE *handles = NULL;
    macs->count = 0;
    if (mac_of_path(loaded, macs) ||
        EFI_ERROR(BS->LocateHandleBuffer(ByProtocol, &network_guid, NULL, &count, &handles)))
        return;
    for (UINTN i = 0; i < count && macs->count < MACS_MAX; i++) {
        EFI_SIMPLE_NETWORK *card;
        if (!EFI_ERROR(BS->HandleProtocol(handles[i], &network_guid, (void **)&card)) &&
            card->Mode->HwAddressSize == MAC_LENGTH)
            memcpy(macs->mac[macs->count++], card->Mode->CurrentAddress.Addr, MAC_LENGTH);
    }
    BS->FreePool(handles);
}

/* On a volume ------------------------------------------------------------------ */

static bool file_read(EFI_FILE *file, struct file *to)
{
    uint64_t info_buffer[(sizeof(EFI_FILE_INFO) + 2 * PATH_LENGTH_MAX) / sizeof(uint64_t)];
    UINTN n = sizeof info_buffer;
    EFI_FILE_INFO *info = (EFI_FILE_INFO *)info_buffer;
    if (EFI_ERROR(file->GetInfo(file, &gEfiFileInfoGuid, &n, info)) ||
        (info->Attribute & EFI_FILE_DIRECTORY) || info->FileSize > CONFIGURATION_MAX)
        return false;
    to->at = pages_below_4g(info->FileSize + 1, EfiLoaderData);
    n = info->FileSize;
    if (!to->at || EFI_ERROR(file->Read(file, &n, (void *)(uintptr_t)to->at)))
        return false;
    to->size = n;
    return true;
}

/* The folder of the path that the application was loaded by, with its last backslash.  The
 * path may come in several nodes, of unaligned UCS-2 (UEFI 2.10 10.3.5.4). */
static unsigned folder_of(EFI_LOADED_IMAGE *loaded, CHAR16 path[PATH_LENGTH_MAX])
{
    unsigned n = 0;
    path[n++] = '\\';
    for (EFI_DEVICE_PATH *node = loaded->FilePath; node && !IsDevicePathEnd(node);
         node = NextDevicePathNode(node)) {
        if (DevicePathType(node) != MEDIA_DEVICE_PATH ||
            DevicePathSubType(node) != MEDIA_FILEPATH_DP)
            continue;
        const uint8_t *text = (uint8_t *)node + sizeof *node;
        unsigned room = (DevicePathNodeLength(node) - sizeof *node) / 2;
        for (unsigned i = 0; i < room && n < PATH_LENGTH_MAX - CONFIGURATION_NAME_MAX; i++) {
            CHAR16 c = (CHAR16)(text[2 * i] | text[2 * i + 1] << 8);
            if (!c)
                break;
            if (c != '\\' || path[n - 1] != '\\')
                path[n++] = c;
        }
    }
    while (path[n - 1] != '\\')
        n--;
    return n;
}

static bool read_from_volume(EFI_LOADED_IMAGE *loaded, const char *name, struct file *to)
{
    CHAR16 path[PATH_LENGTH_MAX];
    EFI_FILE_IO_INTERFACE *volume;
    EFI_FILE *root, *file;
    if (EFI_ERROR(BS->HandleProtocol(loaded->DeviceHandle, &gEfiSimpleFileSystemProtocolGuid,
                                     (void **)&volume)) ||
        EFI_ERROR(volume->OpenVolume(volume, &root)))
        return false;
    unsigned n = folder_of(loaded, path);
    do
        path[n++] = (CHAR16)*name;
    while (*name++);
    bool found = !EFI_ERROR(root->Open(root, &file, path, EFI_FILE_MODE_READ, 0));
    if (found) {
        found = file_read(file, to);
        file->Close(file);
    }
    root->Close(root);
    return found;
}

/* From a TFTP server -------------------------------------------------------------- */

/* The first packet that names a boot file: a boot server's, a proxy's, the DHCP server's. */
static bool boot_offer(const EFI_PXE_BASE_CODE_MODE *mode, struct boot_offer *offer)
{
    const uint8_t *discover = (const uint8_t *)&mode->SubnetMask + sizeof mode->SubnetMask;
    const uint8_t *ack = discover + PXE_PACKET_SIZE, *proxy = ack + PXE_PACKET_SIZE,
                  *reply = proxy + 2 * PXE_PACKET_SIZE;
    return (mode->PxeReplyReceived && boot_offer_read(reply, PXE_PACKET_SIZE, offer)) ||
           (mode->ProxyOfferReceived && boot_offer_read(proxy, PXE_PACKET_SIZE, offer)) ||
           (mode->DhcpAckReceived && boot_offer_read(ack, PXE_PACKET_SIZE, offer));
}

static bool read_by_tftp(EFI_LOADED_IMAGE *loaded, const char *name, struct file *to)
{
    static uint64_t buffer;
    EFI_PXE_BASE_CODE_PROTOCOL *pxe;
    struct boot_offer offer;
    char path[PATH_LENGTH_MAX];
    EFI_IP_ADDRESS server = { 0 };
    UINT64 size = CONFIGURATION_MAX;
    if (EFI_ERROR(BS->HandleProtocol(loaded->DeviceHandle, &pxe_guid, (void **)&pxe)) ||
        !pxe->Mode->Started || pxe->Mode->UsingIpv6 || !boot_offer(pxe->Mode, &offer) ||
        !path_beside(offer.file, name, path, sizeof path))
        return false;
    if (!buffer)
        buffer = pages_below_4g(CONFIGURATION_MAX + 1, EfiLoaderData);
    if (!buffer)
        return false;
    char *text = (char *)(uintptr_t)buffer;
    memset(text, 0, CONFIGURATION_MAX + 1);
    memcpy(server.v4.Addr, offer.server, sizeof offer.server);
    /* Without a block size firmware takes its own (RFC 2348); without asking for the file's size
     * first, servers that do not know RFC 2349 will do. */
    if (EFI_ERROR(pxe->Mtftp(pxe, EFI_PXE_BASE_CODE_TFTP_READ_FILE, text, FALSE, &size, NULL,
                             &server, (UINT8 *)path, NULL, FALSE)))
        return false;
    /* iPXE 1.21 leaves the size as it was: the text tells its own. */
    *to = (struct file){ .at = buffer, .size = strlen(text) };
    return true;
}

/* All ---------------------------------------------------------------------------- */

static bool read_from_anywhere(EFI_LOADED_IMAGE *loaded, const char *name, struct file *file)
{
    if (!read_from_volume(loaded, name, file) && !read_by_tftp(loaded, name, file) &&
        !read_by_http(loaded, name, file))
        return false;
    Print(L"millrace: %a, %ld bytes\n", name, file->size);
    return true;
}

bool configuration_read(EFI_LOADED_IMAGE *loaded, struct file *file)
{
    struct macs macs;
    char name[CONFIGURATION_NAME_MAX];
    macs_find(loaded, &macs);
    for (unsigned i = 0; i < macs.count; i++) {
        configuration_name(macs.mac[i], name);
        if (read_from_anywhere(loaded, name, file))
            return true;
    }
    configuration_name(NULL, name);
    return read_from_anywhere(loaded, name, file);
}
