/* acpi_resources.c - devices of ACPI's namespace and what they occupy, without an interpreter.
 *
 * A device is looked for as the bytes that every compiler makes of it,
 *
 *     Device (VR00) { Name (_HID, "LNRO0005")  Name (_CRS, ResourceTemplate () {...}) }
 *     5B 82 len V R 0 0   08 _ H I D 0D ...    08 _ C R S 11 len size descriptors
 *
 * and only constants are believed.  Objects of a device inside the device are not its own;
 * what a Scope with its name adds elsewhere in the table is (QEMU's q35 does that).
 *
 * Source: ACPI 6.6 20.2 (grammar), 6.4 (resource descriptors), 19.3.4 (EISAID).
 * unread in this file: ACPI. */
#include "kernel/acpi.h"

#include "kernel/acpi_tables.h"
#include "kernel/compiler.h"
#include "kernel/endian.h"

#include <string.h>

#define AML_EXT 0x5bu
#define AML_EXT_DEVICE 0x82u
#define AML_SCOPE 0x10u
#define AML_NAME 0x08u
#define AML_STRING 0x0du
#define AML_DWORD 0x0cu
#define AML_BUFFER 0x11u
#define AML_ROOT '\\'
#define AML_PARENT '^'
#define AML_DUAL_NAME 0x2eu
#define AML_MULTI_NAME 0x2fu
#define NAME_LENGTH 4u

struct bytes {
    const uint8_t *at;
    size_t size;
};

/* 20.2.4 PkgLength: what it encloses, itself left out; false: it reaches beyond. */
static bool package(struct bytes from, struct bytes *inside)
{
    if (!from.size)
        return false;
    size_t more = from.at[0] >> 6, length = from.at[0] & (more ? 0x0f : 0x3f);
    if (more >= from.size)
        return false;
    for (size_t i = 0; i < more; i++)
        length |= (size_t)from.at[1 + i] << (4 + 8 * i);
    if (length < 1 + more || length > from.size)
        return false;
    *inside = (struct bytes){ from.at + 1 + more, length - 1 - more };
    return true;
}

static bool is_device(struct bytes b)
{
    return b.size > 2 && b.at[0] == AML_EXT && b.at[1] == AML_EXT_DEVICE;
}

/* The last segment of the path that a Device or Scope begins with (20.2.2), or NULL. */
static const uint8_t *last_name(struct bytes b)
{
    size_t at = 0, segments = 1;
    while (at < b.size && (b.at[at] == AML_ROOT || b.at[at] == AML_PARENT))
        at++;
    if (at < b.size && b.at[at] == AML_DUAL_NAME) {
        segments = 2;
        at++;
    } else if (at + 1 < b.size && b.at[at] == AML_MULTI_NAME) {
        segments = b.at[at + 1];
        at += 2;
    }
    if (!segments || at + segments * NAME_LENGTH > b.size)
        return NULL;
    return b.at + at + (segments - 1) * NAME_LENGTH;
}

/* The next Device, or the end; what it encloses. */
static const uint8_t *next_device(const uint8_t *at, const uint8_t *end, struct bytes *inside)
{
    while (at < end && (at = memchr(at, AML_EXT, (size_t)(end - at)))) {
        struct bytes rest = { at, (size_t)(end - at) };
        if (is_device(rest) && package((struct bytes){ at + 2, rest.size - 2 }, inside))
            return at;
        at++;
    }
    return end;
}

/* Name (`name`, that begins before `to`, or NULL. */
static const uint8_t *find_name(const uint8_t *at, const uint8_t *to, const uint8_t *end,
                                const char *name)
{
    while (at < to && (at = memchr(at, AML_NAME, (size_t)(to - at)))) {
        if ((size_t)(end - at) > 1 + NAME_LENGTH && !memcmp(at + 1, name, NAME_LENGTH))
            return at;
        at++;
    }
    return NULL;
}

/* What stands behind Name (`name`, in this device and not in one inside it. */
static bool named(struct bytes b, const char *name, struct bytes *value)
{
    const uint8_t *at = b.at, *end = b.at + b.size;
    struct bytes child;
    while (at < end) {
        const uint8_t *device = next_device(at, end, &child);
        const uint8_t *found = find_name(at, device, end, name);
        if (found) {
            *value =
                (struct bytes){ found + 1 + NAME_LENGTH, (size_t)(end - found) - 1 - NAME_LENGTH };
            return true;
        }
        at = device < end ? child.at + child.size : end;
    }
    return false;
}

/* 19.3.4: three letters of five bits and four hexadecimal digits, high byte first. */
static uint32_t eisa_id(const char *text)
{
    uint32_t id = 0;
    for (unsigned i = 0; i < 3; i++)
        id = id << 5 | ((uint32_t)text[i] & 0x1f);
    for (unsigned i = 3; i < 7; i++)
        id = id << 4 | (uint32_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'A' + 10);
    return __builtin_bswap32(id);
}

static bool has_id(struct bytes device, const char *hid)
{
    struct bytes value;
    size_t length = strlen(hid);
    if (!named(device, "_HID", &value))
        return false;
    if (value.size > length + 1 && value.at[0] == AML_STRING)
        return !memcmp(value.at + 1, hid, length + 1);
    return length == 7 && value.size >= 5 && value.at[0] == AML_DWORD &&
           load_le32(value.at + 1) == eisa_id(hid);
}

static bool contains(struct bytes b, const void *what, size_t length)
{
    const uint8_t *at = b.at, *end = b.at + b.size;
    while ((size_t)(end - at) >= length &&
           (at = memchr(at, *(const uint8_t *)what, (size_t)(end - at) - length + 1))) {
        if (!memcmp(at, what, length))
            return true;
        at++;
    }
    return false;
}

/* Most tables name no such device, and it takes less to see that. */
static bool mentions(struct bytes table, const char *hid)
{
    size_t length = strlen(hid);
    uint32_t eisa = length == 7 ? eisa_id(hid) : 0;
    return contains(table, hid, length) || (eisa && contains(table, &eisa, sizeof eisa));
}

/* Resource descriptors, 6.4 ------------------------------------------------------- */

#define SMALL_IO 0x08u       /* 6.4.2.5 */
#define SMALL_FIXED_IO 0x09u /* 6.4.2.6 */
#define SMALL_END 0x0fu
#define LARGE 0x80u
#define LARGE_MEMORY32 0x85u       /* 6.4.3.3 */
#define LARGE_FIXED_MEMORY32 0x86u /* 6.4.3.4 */
#define LARGE_DWORD_SPACE 0x87u    /* 6.4.3.5.2 */
#define LARGE_WORD_SPACE 0x88u     /* 6.4.3.5.3 */
#define LARGE_QWORD_SPACE 0x8au    /* 6.4.3.5.1 */
#define SPACE_CONSUMER 0x01u       /* of general flags: bit 0 */

static void add(struct acpi_device *d, enum acpi_resource_kind kind, bool consumed, uint64_t base,
                uint64_t size)
{
    if (d->count < ACPI_RESOURCES_MAX && size && size - 1 <= UINT64_MAX - base)
        d->resource[d->count++] = (struct acpi_resource){
            .kind = kind, .consumed = consumed, .base = base, .size = size
        };
}

static uint64_t load_le(const uint8_t *at, unsigned width)
{
    uint64_t value = 0;
    memcpy(&value, at, width);
    return value;
}

/* Type, flags, then granularity, minimum, maximum, translation and length of `width` each. */
static void add_space(struct acpi_device *d, struct bytes b, unsigned width)
{
    static const enum acpi_resource_kind kinds[] = { ACPI_RESOURCE_MEMORY, ACPI_RESOURCE_IO,
                                                     ACPI_RESOURCE_BUS };
    if (b.size < 3 + 5 * width || b.at[0] >= ARRAY_SIZE(kinds))
        return;
    uint64_t translation = load_le(b.at + 3 + 3 * width, width);
    if (translation) /* addresses of the CPU's side differ: nobody here handles that */
        return;
    add(d, kinds[b.at[0]], b.at[1] & SPACE_CONSUMER, load_le(b.at + 3 + width, width),
        load_le(b.at + 3 + 4 * width, width));
}

static void add_large(struct acpi_device *d, uint8_t tag, struct bytes b)
{
    switch (tag) {
    case LARGE_MEMORY32: /* information, minimum, maximum, alignment, length */
        if (b.size >= 17 && load_le32(b.at + 1) == load_le32(b.at + 5))
            add(d, ACPI_RESOURCE_MEMORY, true, load_le32(b.at + 1), load_le32(b.at + 13));
        break;
    case LARGE_FIXED_MEMORY32: /* information, base, length */
        if (b.size >= 9)
            add(d, ACPI_RESOURCE_MEMORY, true, load_le32(b.at + 1), load_le32(b.at + 5));
        break;
    case LARGE_WORD_SPACE:
        add_space(d, b, 2);
        break;
    case LARGE_DWORD_SPACE:
        add_space(d, b, 4);
        break;
    case LARGE_QWORD_SPACE:
        add_space(d, b, 8);
        break;
    }
}

static void add_small(struct acpi_device *d, uint8_t tag, struct bytes b)
{
    if (tag == SMALL_IO && b.size >= 7 && load_le(b.at + 1, 2) == load_le(b.at + 3, 2))
        add(d, ACPI_RESOURCE_IO, true, load_le(b.at + 1, 2), b.at[6]);
    else if (tag == SMALL_FIXED_IO && b.size >= 3)
        add(d, ACPI_RESOURCE_IO, true, load_le(b.at, 2) & 0x3ff, b.at[2]);
}

static void descriptors(struct acpi_device *d, struct bytes b)
{
    while (b.size) {
        bool large = b.at[0] & LARGE;
        size_t header = large ? 3 : 1;
        if (b.size < header)
            return;
        size_t length = large ? load_le(b.at + 1, 2) : b.at[0] & 7u;
        if (length > b.size - header)
            return;
        struct bytes body = { b.at + header, length };
        if (large)
            add_large(d, b.at[0], body);
        else if (b.at[0] >> 3 == SMALL_END)
            return;
        else
            add_small(d, b.at[0] >> 3, body);
        b.at += header + length;
        b.size -= header + length;
    }
}

/* In the device, or in a scope of that name. */
static bool find_resources(struct bytes table, struct bytes device, struct bytes *value)
{
    const uint8_t *name = last_name(device);
    if (named(device, "_CRS", value))
        return true;
    for (size_t i = 0; name && i + 1 < table.size; i++) {
        struct bytes inside;
        const uint8_t *op = memchr(table.at + i, AML_SCOPE, table.size - i - 1);
        if (!op)
            return false;
        i = (size_t)(op - table.at);
        if (!package((struct bytes){ table.at + i + 1, table.size - i - 1 }, &inside))
            continue;
        const uint8_t *scope = last_name(inside);
        if (scope && !memcmp(scope, name, NAME_LENGTH) && named(inside, "_CRS", value))
            return true;
    }
    return false;
}

/* A buffer holds its size, then its bytes (20.2.5.4); the bytes may be fewer. */
static void read_resources(struct bytes table, struct bytes device, struct acpi_device *d)
{
    struct bytes value, inside;
    uint64_t size;
    d->count = 0;
    if (!find_resources(table, device, &value) || value.size < 2 || value.at[0] != AML_BUFFER ||
        !package((struct bytes){ value.at + 1, value.size - 1 }, &inside))
        return;
    size_t n = acpi_aml_integer(inside.at, inside.size, &size);
    if (n)
        descriptors(d, (struct bytes){ inside.at + n, (size_t)min_u64(size, inside.size - n) });
}

bool acpi_find_device(const uint8_t *aml, size_t size, const char *hid, unsigned *index,
                      struct acpi_device *device)
{
    struct bytes inside;
    const uint8_t *at = aml, *end = aml + size;
    if (!mentions((struct bytes){ aml, size }, hid))
        return false;
    for (; (at = next_device(at, end, &inside)) < end; at++) {
        if (!has_id(inside, hid))
            continue;
        if (*index) {
            --*index;
            continue;
        }
        read_resources((struct bytes){ aml, size }, inside, device);
        return true;
    }
    return false;
}

bool acpi_device(const char *hid, unsigned index, struct acpi_device *device)
{
    struct acpi_fadt fadt;
    const struct acpi_header *h = acpi_fadt(&fadt) ? acpi_dsdt(&fadt) : NULL;
    for (unsigned ssdt = 0; h; ssdt++) {
        if (acpi_find_device((const uint8_t *)(h + 1), h->length - sizeof *h, hid, &index, device))
            return true;
        h = acpi_find("SSDT", ssdt);
    }
    return false;
}
