/* file.c - millrace.conf from where the application came from: beside it on a volume, or
 * from the TFTP or HTTP server.
 *
 * millrace-02-00-00-00-00-01.conf (the address of the network card it booted from, or, on a
 * volume, of any card that firmware drives) goes before millrace.conf.
 *
 * Sources: UEFI 2.10 9.1 (loaded image), 13.4 and 13.5 (file system), 24.3 (PXE base code).
 * unread in this file: UEFI, RFCs. */
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

static bool is_on_a_volume(EFI_LOADED_IMAGE *loaded)
{
    void *volume;
    return !EFI_ERROR(
        BS->HandleProtocol(loaded->DeviceHandle, &gEfiSimpleFileSystemProtocolGuid, &volume));
}

static void macs_find(EFI_LOADED_IMAGE *loaded, struct macs *macs)
{
    UINTN count = 0;
    EFI_HANDLE *handles = NULL;
    macs->count = 0;
    if (mac_of_path(loaded, macs) || !is_on_a_volume(loaded))
        return;
    network_cards_start();
    if (EFI_ERROR(BS->LocateHandleBuffer(ByProtocol, &network_guid, NULL, &count, &handles)))
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

static EFI_STATUS file_read(EFI_FILE *file, struct file *to)
{
    uint64_t info_buffer[(sizeof(EFI_FILE_INFO) + 2 * PATH_LENGTH_MAX) / sizeof(uint64_t)];
    UINTN n = sizeof info_buffer;
    EFI_FILE_INFO *info = (EFI_FILE_INFO *)info_buffer;
    EFI_STATUS status = file->GetInfo(file, &gEfiFileInfoGuid, &n, info);
    if (EFI_ERROR(status))
        return status;
    if (info->Attribute & EFI_FILE_DIRECTORY)
        return EFI_UNSUPPORTED;
    if (info->FileSize > CONFIGURATION_MAX)
        return EFI_BAD_BUFFER_SIZE;
    to->at = pages_below_4g(info->FileSize + 1, EfiLoaderData);
    to->size = info->FileSize;
    return to->at ? file->Read(file, &to->size, (void *)(uintptr_t)to->at) : EFI_OUT_OF_RESOURCES;
}

/* The folder of the path that the application was loaded by, with its last backslash. */
static unsigned folder_of(EFI_LOADED_IMAGE *loaded, CHAR16 path[PATH_LENGTH_MAX])
{
    unsigned n = path_append(path, 0, 1, NULL, 0);
    for (EFI_DEVICE_PATH *node = loaded->FilePath; node && !IsDevicePathEnd(node);
         node = NextDevicePathNode(node)) {
        if (DevicePathType(node) != MEDIA_DEVICE_PATH ||
            DevicePathSubType(node) != MEDIA_FILEPATH_DP)
            continue;
        n = path_append(path, n, PATH_LENGTH_MAX - CONFIGURATION_NAME_MAX,
                        (uint8_t *)node + sizeof *node,
                        (DevicePathNodeLength(node) - sizeof *node) / 2);
    }
    while (path[n - 1] != '\\')
        n--;
    return n;
}

static EFI_STATUS read_from_volume(EFI_LOADED_IMAGE *loaded, const char *name, struct file *to)
{
    CHAR16 path[PATH_LENGTH_MAX];
    EFI_FILE_IO_INTERFACE *volume;
    EFI_FILE *root, *file;
    if (EFI_ERROR(BS->HandleProtocol(loaded->DeviceHandle, &gEfiSimpleFileSystemProtocolGuid,
                                     (void **)&volume)))
        return EFI_NOT_FOUND;
    EFI_STATUS status = volume->OpenVolume(volume, &root);
    if (EFI_ERROR(status))
        return status;
    unsigned n = folder_of(loaded, path);
    do
        path[n++] = (CHAR16)*name;
    while (*name++);
    status = root->Open(root, &file, path, EFI_FILE_MODE_READ, 0);
    if (!EFI_ERROR(status)) {
        status = file_read(file, to);
        file->Close(file);
    }
    root->Close(root);
    return status;
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

/* RFC 1350: what a server answers for a file that it does not have. */
#define TFTP_NOT_FOUND 1u

static EFI_STATUS tftp_read(EFI_PXE_BASE_CODE_PROTOCOL *pxe, uint64_t *size, char *text,
                            EFI_IP_ADDRESS *server, char *path)
{
    memset(text, 0, CONFIGURATION_MAX + 1);
    /* Without a block size firmware takes its own (RFC 2348); without asking for the file's size
     * first, servers that do not know RFC 2349 will do. */
    EFI_STATUS status = pxe->Mtftp(pxe, EFI_PXE_BASE_CODE_TFTP_READ_FILE, text, FALSE, size, NULL,
                                   server, (UINT8 *)path, NULL, FALSE);
    if (*size == CONFIGURATION_MAX) /* iPXE 1.21 leaves it as it was: the text tells its own */
        *size = strlen(text);
    /* OVMF does not tell which error the server named. */
    bool known = pxe->Mode->TftpErrorReceived;
    bool absent = !known || pxe->Mode->TftpError.ErrorCode == TFTP_NOT_FOUND;
    if (status == EFI_BUFFER_TOO_SMALL)
        return EFI_BAD_BUFFER_SIZE;
    return status == EFI_TFTP_ERROR && absent ? EFI_NOT_FOUND : status;
}

static EFI_STATUS read_by_tftp(EFI_LOADED_IMAGE *loaded, const char *name, struct file *to)
{
    static uint64_t buffer;
    EFI_PXE_BASE_CODE_PROTOCOL *pxe;
    struct boot_offer offer;
    char path[PATH_LENGTH_MAX];
    EFI_IP_ADDRESS server = { 0 };
    if (EFI_ERROR(BS->HandleProtocol(loaded->DeviceHandle, &pxe_guid, (void **)&pxe)) ||
        !pxe->Mode->Started || pxe->Mode->UsingIpv6 || !boot_offer(pxe->Mode, &offer) ||
        !path_beside(offer.file, name, path, sizeof path))
        return EFI_NOT_FOUND;
    if (!buffer)
        buffer = pages_below_4g(CONFIGURATION_MAX + 1, EfiLoaderData);
    if (!buffer)
        return EFI_OUT_OF_RESOURCES;
    char *text = (char *)(uintptr_t)buffer;
    memcpy(server.v4.Addr, offer.server, sizeof offer.server);
    *to = (struct file){ .at = buffer, .size = CONFIGURATION_MAX };
    return tftp_read(pxe, &to->size, text, &server, path);
}

/* All ---------------------------------------------------------------------------- */

static EFI_STATUS read_from_anywhere(EFI_LOADED_IMAGE *loaded, const uint8_t *mac,
                                     struct file *file)
{
    char name[CONFIGURATION_NAME_MAX];
    configuration_name(mac, name);
    EFI_STATUS status = read_from_volume(loaded, name, file);
    if (status == EFI_NOT_FOUND)
        status = read_by_tftp(loaded, name, file);
    if (status == EFI_NOT_FOUND)
        status = read_by_http(loaded, name, file);
    if (!EFI_ERROR(status))
        Print(L"millrace: %a, %ld bytes\n", name, file->size);
    else if (status != EFI_NOT_FOUND)
        Print(L"millrace: %a: %r; no configuration is run\n", name, status);
    return status;
}

EFI_STATUS configuration_read(EFI_LOADED_IMAGE *loaded, struct file *file)
{
    EFI_STATUS status = EFI_NOT_FOUND;
    struct macs macs;
    macs_find(loaded, &macs);
    for (unsigned i = 0; status == EFI_NOT_FOUND && i < macs.count; i++)
        status = read_from_anywhere(loaded, macs.mac[i], file);
    if (status == EFI_NOT_FOUND)
        status = read_from_anywhere(loaded, NULL, file);
    if (status == EFI_NOT_FOUND)
        Print(L"millrace: no configuration found beside the application\n");
    return status;
}
