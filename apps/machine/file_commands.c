/* file_commands.c - files that came with the image or were made since (kernel/files.h): shown, sent
 * over the console, deleted.
 *
 * What `file send` prints is for tools/fetch: lines
 *     file NAME OFFSET LENGTH CRC32 BASE64
 * of up to LINE_BYTES bytes each, numbers in decimal and the sum in hexadecimal, and at the end
 *     file NAME end SIZE
 * Each line says where it belongs, so that one that was spoilt is asked for again. */
#include "apps/console/command.h"
#include "kernel/files.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define LINE_BYTES 192u /* a multiple of 3: no line but the last is filled up */
#define BASE64_SIZE (LINE_BYTES / 3 * 4 + 1)

COMMAND(cmd_show_files, "show files",
        "Show the files that a boot module brought, or that were made");
static int cmd_show_files(struct command_call *call)
{
    if (!files_count())
        out_text(call->out, "none: a boot module that is a cpio archive brings some\n");
    for (unsigned i = 0; i < files_count(); i++) {
        const struct file *f = files_get(i);
        const char *more = f->grows ? "  (grows)" : f->made ? "  (made here)" : "";
        out_printf(call->out, "%10" PRIu64 "  %s%s\n", (uint64_t)files_size(f), f->name, more);
    }
    return 0;
}

/* CRC-32 of Ethernet and zip, a bit at a time: the console is slower. */
static uint32_t crc32(const uint8_t *bytes, size_t n)
{
    uint32_t crc = ~0u;
    while (n--) {
        crc ^= *bytes++;
        for (unsigned i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* unread: RFC 4648 4 */
static void base64(const uint8_t *bytes, size_t n, char text[BASE64_SIZE])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t word = (uint32_t)bytes[i] << 16;
        word |= i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0;
        word |= i + 2 < n ? bytes[i + 2] : 0;
        *text++ = digits[word >> 18];
        *text++ = digits[word >> 12 & 63];
        *text++ = i + 1 < n ? digits[word >> 6 & 63] : '=';
        *text++ = i + 2 < n ? digits[word & 63] : '=';
    }
    *text = 0;
}

/* From a copy: the file may go while this prints. */
static bool send_line(struct command_call *call, const char *name, uint64_t at, uint64_t end)
{
    uint8_t bytes[LINE_BYTES];
    char text[BASE64_SIZE];
    const struct file *f = files_find(name);
    uint64_t n = end - at < LINE_BYTES ? end - at : LINE_BYTES;
    if (!f || at + n > files_size(f))
        return false;
    memcpy(bytes, (const uint8_t *)f->bytes + at, n);
    base64(bytes, n, text);
    out_printf(call->out, "file %s %" PRIu64 " %" PRIu64 " %08" PRIx32 " %s\n", name, at, n,
               crc32(bytes, n), text);
    return command_wait(call);
}

COMMAND_AT_ONCE(cmd_file_send, "file send WORD [from NUMBER] [bytes NUMBER]",
                "Print a file for tools/fetch, or a part of it");
static int cmd_file_send(struct command_call *call)
{
    char name[FILES_NAME_MAX + 1];
    const struct file *f = files_find(call->arg[0].word);
    const struct command_arg *from = command_option(call, "from"),
                             *bytes = command_option(call, "bytes");
    if (!f)
        return command_error(call, "there is no file '%s', expected one that 'show files' lists",
                             call->arg[0].word);
    uint64_t size = files_size(f), at = from ? from->number : 0, end = size;
    if (at > size)
        return command_error(call, "'%s' is behind the file, expected 0 to %" PRIu64, from->word,
                             size);
    if (bytes && bytes->number < size - at)
        end = at + bytes->number;
    strcpy(name, f->name);
    for (; at < end; at += LINE_BYTES)
        if (!send_line(call, name, at, end))
            return 0;
    out_printf(call->out, "file %s end %" PRIu64 "\n", name, size);
    return 0;
}

COMMAND(cmd_file_delete, "file delete WORD", "Delete a file that was made");
static int cmd_file_delete(struct command_call *call)
{
    const char *name = call->arg[0].word;
    int e = files_remove(name);
    return e == -ENOENT
               ? command_error(call, "there is no file '%s', expected one of 'show files'", name)
           : e == -EPERM
               ? command_error(call, "'%s' came with the image, expected one that was made here",
                               name)
           : e == -EBUSY
               ? command_error(call, "'%s' is read or written, expected one that is not in use",
                               name)
               : 0;
}
