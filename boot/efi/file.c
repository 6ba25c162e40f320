/* file.c - millrace.conf from where the application came from: beside it on a volume, or
 * from the TFTP server.
 *
 * millrace-02-00-00-00-00-01.conf (the address of the network card it booted from, or of
 * any card of the machine) goes before millrace.conf.
 *
 * Sources: UEFI 2.10 9.1 (loaded image), 13.4 and 13.5 (file system), 24.3 (PXE base code). */
#include "loader.h"

#define NAME_MAX 64u
#define PATH_LENGTH_MAX 256u
#define CONFIGURATION_MAX (1024u * 1024u)
#define MACS_MAX 16u
#define MAC_LENGTH 6u
#define PXE_PACKET_SIZE 1472u /* UEFI 2.10 24.3: a union of that size; gnu-efi 3.0 has a struct */
#define DHCP_OPTIONS 240u     /* RFC 2131 2: behind the magic cookie */
#define DHCP_SERVER_ID 54u    /* RFC 2132 9.7 */
#define DHCP_BOOT_FILE 67u    /* RFC 2132 9.5 */

static EFI_GUID pxe_guid = EFI_PXE_BASE_CODE_PROTOCOL_GUID;
static EFI_GUID network_guid = EFI_SIMPLE_NETWORK_PROTOCOL_GUID;

/* Names ------------------------------------------------------------------------ */

static void name_of(const uint8_t *mac, char name[NAME_MAX])
{
    static const char digits[] = "0123456789abcdef";
    const char *from = "millrace";
    char *to = name;
    while (*from)
        *to++ = *from++;
    for (unsigned i = 0; mac && i < MAC_LENGTH; i++) {
        *to++ = '-';
        *to++ = digits[mac[i] >> 4];
        *to++ = digits[mac[i] & 15];
    }
    for (from = ".conf"; *from;)
        *to++ = *from++;
    *to = '\0';
}

/* The machine's network cards, as firmware knows them. */
static unsigned macs_find(uint8_t macs[MACS_MAX][MAC_LENGTH])
{
    UINTN count = 0;
    EFI_HANDLE *handles = NULL;
    unsigned n = 0;
    if (EFI_ERROR(BS->LocateHandleBuffer(ByProtocol, &network_guid, NULL, &count, &handles)))
        return 0;
    for (UINTN i = 0; i < count && n < MACS_MAX; i++) {
        EFI_SIMPLE_NETWORK *card;
        if (EFI_ERROR(BS->HandleProtocol(handles[i], &network_guid, (void **)&card)) ||
            card->Mode->HwAddressSize != MAC_LENGTH)
            continue;
        CopyMem(macs[n++], card->Mode->CurrentAddress.Addr, MAC_LENGTH);
    }
    BS->FreePool(handles);
    return n;
}

/* On a volume ------------------------------------------------------------------ */

static bool file_read(EFI_FILE *file, uint64_t *at, uint64_t *size)
{
    uint8_t buffer[sizeof(EFI_FILE_INFO) + 2 * PATH_LENGTH_MAX];
    UINTN n = sizeof buffer;
    EFI_FILE_INFO *info = (EFI_FILE_INFO *)buffer;
    if (EFI_ERROR(file->GetInfo(file, &gEfiFileInfoGuid, &n, info)) ||
        info->FileSize > CONFIGURATION_MAX)
        return false;
    *at = pages_below_4g(info->FileSize + 1);
    n = info->FileSize;
    if (!*at || EFI_ERROR(file->Read(file, &n, (void *)(uintptr_t)*at)))
        return false;
    *size = n;
    return true;
}

/* The folder of the path that the application was loaded by, with its last backslash. */
static void folder_of(EFI_LOADED_IMAGE *loaded, CHAR16 path[PATH_LENGTH_MAX])
{
    UINTN n = 0;
    path[n++] = '\\';
    for (EFI_DEVICE_PATH *node = loaded->FilePath; node && !IsDevicePathEnd(node);
         node = NextDevicePathNode(node)) {
        if (DevicePathType(node) != MEDIA_DEVICE_PATH ||
            DevicePathSubType(node) != MEDIA_FILEPATH_DP)
            continue;
        const CHAR16 *from = ((FILEPATH_DEVICE_PATH *)node)->PathName;
        for (; *from && n < PATH_LENGTH_MAX - NAME_MAX; from++)
            if (*from != '\\' || path[n - 1] != '\\')
                path[n++] = *from;
    }
    while (path[n - 1] != '\\')
        n--;
    path[n] = 0;
}

static bool read_from_volume(EFI_LOADED_IMAGE *loaded, const char *name, uint64_t *at,
                             uint64_t *size)
{
    CHAR16 path[PATH_LENGTH_MAX];
    EFI_FILE_IO_INTERFACE *volume;
    EFI_FILE *root, *file;
    if (EFI_ERROR(BS->HandleProtocol(loaded->DeviceHandle, &gEfiSimpleFileSystemProtocolGuid,
                                     (void **)&volume)) ||
        EFI_ERROR(volume->OpenVolume(volume, &root)))
        return false;
    folder_of(loaded, path);
    UINTN n = StrLen(path);
    do
        path[n++] = (CHAR16)*name;
    while (*name++);
    bool found = !EFI_ERROR(root->Open(root, &file, path, EFI_FILE_MODE_READ, 0));
    if (found) {
        found = file_read(file, at, size);
        file->Close(file);
    }
    root->Close(root);
    return found;
}

/* From a TFTP server -------------------------------------------------------------- */

struct tftp {
    EFI_PXE_BASE_CODE_PROTOCOL *pxe;
    EFI_IP_ADDRESS server;
    char folder[PATH_LENGTH_MAX]; /* with its last slash */
};

/* A DHCP option's value, or NULL; *length is at least `least`. */
static const uint8_t *dhcp_option(const uint8_t *packet, uint8_t wanted, unsigned least,
                                  unsigned *length)
{
    for (unsigned at = DHCP_OPTIONS; at + 1 < PXE_PACKET_SIZE && packet[at] != 255;) {
        if (packet[at] == 0) {
            at++;
            continue;
        }
        *length = packet[at + 1];
        if (at + 2 + *length > PXE_PACKET_SIZE)
            return NULL;
        if (packet[at] == wanted && *length >= least)
            return &packet[at + 2];
        at += 2 + *length;
    }
    return NULL;
}

/* The reply that named the boot file: a PXE server's, else a proxy's, else DHCP's. */
static const uint8_t *boot_reply(const EFI_PXE_BASE_CODE_MODE *mode)
{
    const uint8_t *discover = (const uint8_t *)&mode->SubnetMask + sizeof mode->SubnetMask;
    if (mode->PxeReplyReceived)
        return discover + 4 * PXE_PACKET_SIZE;
    if (mode->ProxyOfferReceived)
        return discover + 2 * PXE_PACKET_SIZE;
    return mode->DhcpAckReceived ? discover + PXE_PACKET_SIZE : NULL;
}

static void tftp_folder(struct tftp *t, const char *file, unsigned room)
{
    unsigned n = 0, end = 0;
    for (; n < room && n < PATH_LENGTH_MAX - NAME_MAX - 1 && file[n]; n++) {
        t->folder[n] = file[n];
        if (file[n] == '/')
            end = n + 1;
    }
    t->folder[end] = '\0';
}

static bool tftp_open(EFI_LOADED_IMAGE *loaded, struct tftp *t)
{
    unsigned length;
    if (EFI_ERROR(BS->HandleProtocol(loaded->DeviceHandle, &pxe_guid, (void **)&t->pxe)) ||
        !t->pxe->Mode->Started || t->pxe->Mode->UsingIpv6)
        return false;
    const uint8_t *reply = boot_reply(t->pxe->Mode);
    if (!reply)
        return false;
    const EFI_PXE_BASE_CODE_DHCPV4_PACKET *bootp = (const void *)reply;
    const uint8_t *file = dhcp_option(reply, DHCP_BOOT_FILE, 1, &length);
    if (file)
        tftp_folder(t, (const char *)file, length);
    else
        tftp_folder(t, (const char *)bootp->BootpBootFile, sizeof bootp->BootpBootFile);
    static const uint8_t none[4];
    const uint8_t *server = bootp->BootpSiAddr;
    if (!CompareMem(server, none, sizeof none))
        server = dhcp_option(reply, DHCP_SERVER_ID, 4, &length);
    if (!server)
        return false;
    ZeroMem(&t->server, sizeof t->server);
    CopyMem(t->server.v4.Addr, server, sizeof none);
    return true;
}

static bool read_by_tftp(struct tftp *t, const char *name, uint64_t *at, uint64_t *size)
{
    char path[PATH_LENGTH_MAX + NAME_MAX], *to = path;
    UINTN block = 512;
    for (const char *from = t->folder; *from;)
        *to++ = *from++;
    do
        *to++ = *name;
    while (*name++);
    UINT64 n = 0;
    if (EFI_ERROR(t->pxe->Mtftp(t->pxe, EFI_PXE_BASE_CODE_TFTP_GET_FILE_SIZE, NULL, FALSE, &n,
                                &block, &t->server, (UINT8 *)path, NULL, FALSE)) ||
        n > CONFIGURATION_MAX)
        return false;
    *at = pages_below_4g(n + 1);
    if (!*at ||
        EFI_ERROR(t->pxe->Mtftp(t->pxe, EFI_PXE_BASE_CODE_TFTP_READ_FILE, (void *)(uintptr_t)*at,
                                FALSE, &n, &block, &t->server, (UINT8 *)path, NULL, FALSE)))
        return false;
    *size = n;
    return true;
}

/* All ---------------------------------------------------------------------------- */

bool configuration_read(EFI_HANDLE image, EFI_LOADED_IMAGE *loaded, uint64_t *at, uint64_t *size)
{
    uint8_t macs[MACS_MAX][MAC_LENGTH];
    unsigned count = macs_find(macs);
    struct tftp tftp;
    bool network = tftp_open(loaded, &tftp);
    for (unsigned i = 0; i <= count; i++) {
        char name[NAME_MAX];
        name_of(i < count ? macs[i] : NULL, name);
        if (read_from_volume(loaded, name, at, size) ||
            (network && read_by_tftp(&tftp, name, at, size)))
            return true;
    }
    return false;
}
