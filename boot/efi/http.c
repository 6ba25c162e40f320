/* http.c - a file from the HTTP server that the application was loaded from (UEFI HTTP boot).
 *
 * HTTP boot's own LoadFile protocol takes nothing but boot images, and begins anew for another
 * name, so that the file is asked for with the HTTP protocol beside it, from the address that
 * the boot was given.
 *
 * Sources: UEFI 2.10 24.7 (HTTP boot: its device path is .../MAC/IPv4/Uri), 29.6 (HTTP),
 * 10.3.4.12 and 10.3.4.24 (nodes); RFC 9112 6.3 (a body's length).
 * unread in this file: UEFI, RFC 9112. */
#include "loader.h"

#include <string.h>

/* UEFI 2.10 29.6; gnu-efi has none of it. */
#define HTTP_VERSION_11 1u
#define HTTP_METHOD_GET 0u
#define HTTP_STATUS_200_OK 3u
#define HTTP_STATUS_404_NOT_FOUND 21u
#define HTTP_ERROR EFIERR(35) /* appendix D: the server answered, with a status of 400 or more */
#define HTTP_HEADERS_MAX 64u
#define IPV4_NODE_SIZE 27 /* 10.3.4.12: odd, where a compiler would pad */

struct http_ipv4 {
    BOOLEAN use_default_address;
    EFI_IPv4_ADDRESS address, mask;
    UINT16 port;
};

struct http_configuration {
    UINT32 version, timeout_ms;
    BOOLEAN is_ipv6;
    struct http_ipv4 *ipv4;
};

struct http_header {
    CHAR8 *name, *value;
};

struct http_message {
    void *data; /* struct http_request or struct http_response */
    UINTN header_count;
    struct http_header *headers;
    UINTN body_length;
    void *body;
};

struct http_request {
    UINT32 method;
    CHAR16 *url;
};

struct http_response {
    UINT32 status;
};

struct http_token {
    EFI_EVENT event;
    EFI_STATUS status;
    struct http_message *message;
};

struct http_protocol {
    EFI_STATUS(EFIAPI *get_mode_data)(struct http_protocol *, struct http_configuration *);
    EFI_STATUS(EFIAPI *configure)(struct http_protocol *, struct http_configuration *);
    EFI_STATUS(EFIAPI *request)(struct http_protocol *, struct http_token *);
    EFI_STATUS(EFIAPI *cancel)(struct http_protocol *, struct http_token *);
    EFI_STATUS(EFIAPI *response)(struct http_protocol *, struct http_token *);
    EFI_STATUS(EFIAPI *poll)(struct http_protocol *);
};

static EFI_GUID binding_guid = {
    0xbdc8e6af, 0xd9bc, 0x4379, { 0xa7, 0x2a, 0xe0, 0xc4, 0xe7, 0x5d, 0xae, 0x1c }
};
static EFI_GUID http_guid = {
    0x7a59b29b, 0x910b, 0x4171, { 0x82, 0x42, 0xa8, 0x5a, 0x0d, 0xf2, 0x5b, 0x5b }
};

#define ANSWER_MS 10000u /* without any of it: the server is not there */

/* Where we came from ---------------------------------------------------------------- */

struct place {
    char uri[PATH_LENGTH_MAX];
    struct http_ipv4 ipv4;
};

static void take_uri(EFI_DEVICE_PATH *node, struct place *place)
{
    UINTN n = DevicePathNodeLength(node) - sizeof *node;
    if (n >= sizeof place->uri)
        return;
    memcpy(place->uri, (uint8_t *)node + sizeof *node, n);
    place->uri[n] = '\0';
}

/* The node tells the address that DHCP gave; the network stack's default one is not set. */
static void take_address(EFI_DEVICE_PATH *node, struct place *place)
{
    const IPv4_DEVICE_PATH *ip = (IPv4_DEVICE_PATH *)node;
    if (DevicePathNodeLength(node) < IPV4_NODE_SIZE)
        return;
    place->ipv4 = (struct http_ipv4){ .address = ip->LocalIpAddress, .mask = ip->SubnetMask };
}

static bool is_set(const EFI_IPv4_ADDRESS *a)
{
    return a->Addr[0] | a->Addr[1] | a->Addr[2] | a->Addr[3];
}

static bool place_of(EFI_LOADED_IMAGE *loaded, struct place *place)
{
    EFI_DEVICE_PATH *node = DevicePathFromHandle(loaded->DeviceHandle);
    *place = (struct place){ .ipv4 = { .use_default_address = TRUE } };
    for (; node && !IsDevicePathEnd(node); node = NextDevicePathNode(node)) {
        if (DevicePathType(node) != MESSAGING_DEVICE_PATH)
            continue;
        if (DevicePathSubType(node) == MSG_URI_DP)
            take_uri(node, place);
        else if (DevicePathSubType(node) == MSG_IPv4_DP)
            take_address(node, place);
    }
    if (!is_set(&place->ipv4.address))
        place->ipv4.use_default_address = TRUE;
    return !strncmp(place->uri, "http", 4);
}

/* "http://NAME:PORT/..." becomes "NAME:PORT". */
static void host_of(const char *uri, char *host)
{
    const char *from = uri + strcspn(uri, "/");
    from += strspn(from, "/");
    size_t n = strcspn(from, "/?#");
    memcpy(host, from, n);
    host[n] = '\0';
}

/* Asking -------------------------------------------------------------------------- */

/* Waits until firmware has carried out what `start` begins. */
static EFI_STATUS carry_out(struct http_protocol *http,
                            EFI_STATUS(EFIAPI *start)(struct http_protocol *, struct http_token *),
                            struct http_message *message)
{
    struct http_token token = { .status = EFI_NOT_READY, .message = message };
    EFI_STATUS status = BS->CreateEvent(0, 0, NULL, NULL, &token.event);
    if (EFI_ERROR(status))
        return status;
    status = start(http, &token);
    if (!EFI_ERROR(status)) {
        for (unsigned ms = 0; BS->CheckEvent(token.event) == EFI_NOT_READY; ms++) {
            if (ms == ANSWER_MS) {
                Print(L"millrace: HTTP server: no answer in %d ms\n", ANSWER_MS);
                http->cancel(http, &token);
                break;
            }
            http->poll(http);
            BS->Stall(1000);
        }
        status = token.status;
    }
    BS->CloseEvent(token.event);
    return status;
}

static EFI_STATUS ask(struct http_protocol *http, const char *uri)
{
    static const char agent[] = "millrace", any[] = "*/*";
    CHAR16 url[PATH_LENGTH_MAX];
    char host[PATH_LENGTH_MAX];
    unsigned n = 0;
    do
        url[n] = (CHAR16)uri[n];
    while (uri[n++]);
    host_of(uri, host);
    struct http_request request = { .method = HTTP_METHOD_GET, .url = url };
    struct http_header headers[] = {
        { (CHAR8 *)"Host", (CHAR8 *)host },
        { (CHAR8 *)"User-Agent", (CHAR8 *)agent },
        { (CHAR8 *)"Accept", (CHAR8 *)any },
    };
    struct http_message message = { .data = &request, .header_count = 3, .headers = headers };
    return carry_out(http, http->request, &message);
}

/* Its decimal value; more than CONFIGURATION_MAX where there is none. */
static uint64_t length_in(const struct http_header *headers, UINTN count)
{
    static const char wanted[] = "content-length";
    for (UINTN i = 0; i < count && i < HTTP_HEADERS_MAX; i++) {
        const CHAR8 *name = headers[i].name, *digit = headers[i].value;
        unsigned n = 0;
        while (name[n] && (name[n] | ('A' ^ 'a')) == wanted[n])
            n++;
        if (name[n] || wanted[n])
            continue;
        uint64_t value = 0;
        for (; *digit >= '0' && *digit <= '9' && value <= CONFIGURATION_MAX; digit++)
            value = value * 10 + (uint64_t)(*digit - '0');
        return *digit ? CONFIGURATION_MAX + 1 : value;
    }
    return CONFIGURATION_MAX + 1;
}

static EFI_STATUS read_body(struct http_protocol *http, struct file *file)
{
    uint8_t *to = (uint8_t *)(uintptr_t)file->at;
    for (uint64_t done = 0; done < file->size;) {
        struct http_message message = { .body_length = file->size - done, .body = to + done };
        EFI_STATUS status = carry_out(http, http->response, &message);
        if (EFI_ERROR(status))
            return status;
        if (!message.body_length || message.body_length > file->size - done)
            return EFI_PROTOCOL_ERROR;
        done += message.body_length;
    }
    return EFI_SUCCESS;
}

/* A missing file is an answer like another: only 200 brings a configuration. */
static EFI_STATUS read_answer(struct http_protocol *http, struct file *file)
{
    struct http_response response = { 0 };
    struct http_message message = { .data = &response };
    EFI_STATUS status = carry_out(http, http->response, &message);
    if ((!EFI_ERROR(status) && response.status != HTTP_STATUS_200_OK) || status == HTTP_ERROR)
        status = response.status == HTTP_STATUS_404_NOT_FOUND ? EFI_NOT_FOUND : HTTP_ERROR;
    if (!EFI_ERROR(status)) {
        file->size = length_in(message.headers, message.header_count);
        bool fits = file->size <= CONFIGURATION_MAX;
        file->at = fits ? pages_below_4g(file->size + 1, EfiLoaderData) : 0;
        status = file->at ? read_body(http, file)
                 : fits   ? EFI_OUT_OF_RESOURCES
                          : EFI_BAD_BUFFER_SIZE;
    }
    if (message.headers)
        BS->FreePool(message.headers);
    return status;
}

static EFI_STATUS read_with(struct http_protocol *http, struct place *place, struct file *file)
{
    struct http_configuration configuration = { .version = HTTP_VERSION_11, .ipv4 = &place->ipv4 };
    EFI_STATUS status = http->configure(http, &configuration);
    if (!EFI_ERROR(status))
        status = ask(http, place->uri);
    if (!EFI_ERROR(status))
        status = read_answer(http, file);
    http->configure(http, NULL);
    return status;
}

EFI_STATUS read_by_http(EFI_LOADED_IMAGE *loaded, const char *name, struct file *file)
{
    struct place place;
    char uri[PATH_LENGTH_MAX];
    EFI_DEVICE_PATH *path = DevicePathFromHandle(loaded->DeviceHandle);
    EFI_HANDLE card, child = NULL;
    EFI_SERVICE_BINDING *binding;
    struct http_protocol *http;
    if (!path || !place_of(loaded, &place) || !path_beside(place.uri, name, uri, sizeof uri) ||
        EFI_ERROR(BS->LocateDevicePath(&binding_guid, &path, &card)) ||
        EFI_ERROR(BS->HandleProtocol(card, &binding_guid, (void **)&binding)) ||
        EFI_ERROR(binding->CreateChild(binding, &child)))
        return EFI_NOT_FOUND;
    memcpy(place.uri, uri, sizeof uri);
    EFI_STATUS status = BS->HandleProtocol(child, &http_guid, (void **)&http);
    if (!EFI_ERROR(status))
        status = read_with(http, &place, file);
    binding->DestroyChild(binding, child);
    if (status == HTTP_ERROR) { /* a name that gnu-efi does not know */
        Print(L"millrace: %a: refused by the server\n", uri);
        status = EFI_PROTOCOL_ERROR;
    }
    return status;
}
