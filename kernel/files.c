/* files.c - cpio archives of the form "newc" (and "crc", the same with a sum), read in place.
 *
 * An entry is a header of 110 characters, the name with a NUL byte, and the bytes; name and bytes
 * are filled up to a multiple of four.  A last entry is called TRAILER!!!; zeros may follow, and
 * then another archive, as cpio itself fills up its output and as archives are put together.
 *
 * Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst; types of files
 * from stat(2). */
#include "kernel/files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 110u
#define HEADER_FIELDS 13u
#define MAGIC_SIZE 6u
#define MAGIC_NEWC "070701"
#define MAGIC_CRC "070702"
#define MAGIC_ANY "0707" /* and of the older forms, which are not read */
#define TRAILER "TRAILER!!!"
#define ALIGNMENT 4u

#define MODE_TYPE 0170000u
#define MODE_FILE 0100000u
#define MODE_FOLDER 0040000u

/* The header's numbers, in their order. */
enum field {
    FIELD_INODE,
    FIELD_MODE,
    FIELD_UID,
    FIELD_GID,
    FIELD_LINKS,
    FIELD_TIME,
    FIELD_SIZE,
    FIELD_DEVICE_MAJOR,
    FIELD_DEVICE_MINOR,
    FIELD_NODE_MAJOR,
    FIELD_NODE_MINOR,
    FIELD_NAME_SIZE,
    FIELD_SUM,
};

/* An archive being read: what lies at `at` is looked at next. */
struct reader {
    const uint8_t *bytes;
    size_t size, at;
    unsigned entries;
    char *why;
};

struct entry {
    uint32_t field[HEADER_FIELDS];
    bool has_sum;
    const char *name; /* ends with a NUL byte */
    const uint8_t *bytes;
};

static struct file file[FILES_MAX];
static unsigned count;

static int refuse(struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int refuse(struct reader *r, const char *fmt, ...)
{
    va_list args;
    int n = snprintf(r->why, FILES_WHY_SIZE, "archive, entry %u: ", r->entries);
    va_start(args, fmt);
    vsnprintf(r->why + n, FILES_WHY_SIZE - (size_t)n, fmt, args);
    va_end(args);
    return -EINVAL;
}

static bool parse_number(const uint8_t *text, uint32_t *number)
{
    *number = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint8_t c = text[i];
        bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (!letter && (c < '0' || c > '9'))
            return false;
        *number = *number << 4 | (letter ? (c & 0x0fu) + 9 : c & 0x0fu);
    }
    return true;
}

/* The next n bytes, filled up to the alignment (the last entry may lack that), or NULL. */
static const uint8_t *take(struct reader *r, size_t n)
{
    const uint8_t *here = r->bytes + r->at;
    if (n > r->size - r->at)
        return NULL;
    r->at = min_u64(ALIGN_UP(r->at + n, ALIGNMENT), r->size);
    return here;
}

static int read_header(struct reader *r, struct entry *e)
{
    const uint8_t *header = r->bytes + r->at;
    if (r->size - r->at < HEADER_SIZE)
        return refuse(r, "cut off, expected a header or " TRAILER);
    e->has_sum = !memcmp(header, MAGIC_CRC, MAGIC_SIZE);
    if (!e->has_sum && memcmp(header, MAGIC_NEWC, MAGIC_SIZE))
        return refuse(r, "no header of a newc archive, expected " MAGIC_NEWC);
    for (unsigned i = 0; i < HEADER_FIELDS; i++)
        if (!parse_number(header + MAGIC_SIZE + 8 * i, &e->field[i]))
            return refuse(r, "no number in its header, expected hexadecimal digits");
    return 0;
}

static int read_entry(struct reader *r, struct entry *e)
{
    int error = read_header(r, e);
    if (error)
        return error;
    size_t name_size = e->field[FIELD_NAME_SIZE];
    const uint8_t *header = take(r, HEADER_SIZE + name_size);
    if (!header)
        return refuse(r, "cut off within its name");
    e->name = (const char *)header + HEADER_SIZE;
    if (!name_size || memchr(e->name, 0, name_size) != e->name + name_size - 1)
        return refuse(r, "a name that does not end where it should");
    e->bytes = take(r, e->field[FIELD_SIZE]);
    return e->bytes ? 0 : refuse(r, "cut off within its %" PRIu32 " bytes", e->field[FIELD_SIZE]);
}

static const char *bare_name(const char *name)
{
    while (name[0] == '/' || (name[0] == '.' && name[1] == '/'))
        name += name[0] == '/' ? 1 : 2;
    return name;
}

bool files_name_is_good(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if (name[i] <= ' ' || name[i] > '~' || name[i] == '#' || name[i] == ';')
            return false;
    return n && n <= FILES_NAME_MAX;
}

static struct file *find(const char *name, unsigned among)
{
    for (unsigned i = 0; i < among; i++)
        if (!strcmp(file[i].name, name))
            return &file[i];
    return NULL;
}

static uint32_t sum(const uint8_t *bytes, size_t size)
{
    uint32_t total = 0;
    while (size--)
        total += *bytes++;
    return total;
}

/* Of hard links the archive has the bytes once, with one of them. */
static int add_file(struct reader *r, const struct entry *e, unsigned *used)
{
    const char *name = bare_name(e->name);
    size_t size = e->field[FIELD_SIZE];

    if (!files_name_is_good(name))
        return refuse(r,
                      "a name that is no word, expected up to %u graphic ASCII characters but "
                      "# and ;",
                      FILES_NAME_MAX);
    if ((e->field[FIELD_MODE] & MODE_TYPE) != MODE_FILE)
        return refuse(r, "%s is neither file nor folder", name);
    if (!size && e->field[FIELD_LINKS] > 1)
        return refuse(r, "%s is a hard link, expected a file", name);
    if (e->has_sum && e->field[FIELD_SUM] != sum(e->bytes, size))
        return refuse(r, "the checksum of %s is wrong", name);
    if (find(name, *used))
        return refuse(r, "%s is there twice", name);
    if (*used == FILES_MAX)
        return refuse(r, "more than %u files", FILES_MAX);
    file[(*used)++] = (struct file){ .name = name, .bytes = e->bytes, .size = size };
    return 0;
}

bool files_is_archive(const void *bytes, size_t size)
{
    return size >= MAGIC_SIZE && !memcmp(bytes, MAGIC_ANY, strlen(MAGIC_ANY));
}

int files_add_archive(const void *bytes, size_t size, char *why)
{
    struct reader r = { .bytes = bytes, .size = size, .entries = 1, .why = why };
    unsigned used = count;
    struct entry e = { 0 };

    for (;; r.entries++) {
        int error = read_entry(&r, &e);
        if (error)
            return error;
        if (!strcmp(e.name, TRAILER)) {
            while (r.at < size && !r.bytes[r.at])
                r.at++;
            if (r.at == size)
                break;
        } else if ((e.field[FIELD_MODE] & MODE_TYPE) != MODE_FOLDER) {
            error = add_file(&r, &e, &used);
            if (error)
                return error;
        }
    }
    count = used;
    return 0;
}

unsigned files_count(void)
{
    return count;
}

const struct file *files_get(unsigned index)
{
    return &file[index];
}

const struct file *files_find(const char *name)
{
    return find(name, count);
}

/* Made since ------------------------------------------------------------------------ */

size_t files_size(const struct file *f)
{
    return f->grows ? load_acquire(f->grows) : f->size;
}

int files_make(const char *name, void *bytes, const size_t *grows)
{
    if (!files_name_is_good(name))
        return -EINVAL;
    if (find(name, count))
        return -EEXIST;
    if (count == FILES_MAX)
        return -ENOSPC;
    char *copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    file[count++] = (struct file){ .name = copy, .bytes = bytes, .made = true, .grows = grows };
    return 0;
}

void files_settle(const char *name)
{
    struct file *f = find(name, count);
    if (!f || !f->grows)
        return;
    f->size = load_acquire(f->grows);
    f->grows = NULL;
}

void files_hold(const char *name)
{
    struct file *f = find(name, count);
    if (f)
        f->holds++;
}

void files_release(const char *name)
{
    struct file *f = find(name, count);
    if (f && f->holds)
        f->holds--;
}

int files_remove(const char *name)
{
    struct file *f = find(name, count);
    if (!f)
        return -ENOENT;
    if (!f->made)
        return -EPERM;
    if (f->holds || f->grows)
        return -EBUSY;
    free((void *)(uintptr_t)f->name);
    free((void *)(uintptr_t)f->bytes);
    memmove(f, f + 1, (size_t)(&file[--count] - f) * sizeof *f);
    return 0;
}

void files_forget(void)
{
    for (unsigned i = 0; i < count; i++)
        if (file[i].made) {
            free((void *)(uintptr_t)file[i].name);
            free((void *)(uintptr_t)file[i].bytes);
        }
    count = 0;
}
