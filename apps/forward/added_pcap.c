/* added_pcap.c - ports over capture files, by command (nic/pcap.h). */
#include "apps/console/command.h"
#include "apps/forward/added_ports.h"
#include "apps/forward/forward.h"
#include "kernel/files.h"
#include "nic/pcap.h"
#include "nic/pcap_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX 100000000u
#define LIMIT_DEFAULT (1u << 20) /* bytes of a file that is written */
#define LIMIT_MAX (1u << 30)
#define LIMIT_MIN 4096u

/* RATE ----------------------------------------------------------------------------- */

/* .number: frames a second; 0: as recorded. */
static bool rate_parse(const char *word, struct command_arg *arg)
{
    arg->number = 0;
    return !strcmp(word, "original") ||
           (parse_number(word, &arg->number) && arg->number && arg->number <= RATE_MAX);
}

static void rate_expected(char *text, size_t size)
{
    strncpy(text, "RATE 1 to 100000000 frames a second, or original", size - 1);
    text[size - 1] = 0;
}

COMMAND_WORD(word_rate) = {
    .name = "RATE", .example = "1000 or original", .parse = rate_parse, .expected = rate_expected
};

/* The port and its files -------------------------------------------------------------- */

struct pcap_files {
    char rx[FILES_NAME_MAX + 1], tx[FILES_NAME_MAX + 1]; /* "": none */
    struct pcap_memory memory;
};

/* What was written stays, as a file that grows no more. */
static void let_go(void *arg)
{
    struct pcap_files *files = arg;
    files_release(files->rx);
    files_settle(files->tx);
    free(files);
}

static int open_rx(struct command_call *call, struct pcap_files *files, const char *name,
                   struct pcap_options *o)
{
    char why[PCAP_WHY_SIZE];
    const struct file *f = files_find(name);
    if (!f)
        return command_error(call, "there is no file '%s', expected one that 'show files' lists",
                             name);
    if (f->grows)
        return command_error(call, "'%s' is still written, expected a file that is whole", name);
    if (pcap_check(f->bytes, f->size, why) < 0)
        return command_error(
            call, "'%s' is refused: %s, expected a pcap or pcapng file of Ethernet", name, why);
    strcpy(files->rx, f->name);
    o->file = f->bytes;
    o->size = f->size;
    return 0;
}

static int open_tx(struct command_call *call, struct pcap_files *files, const char *name,
                   uint64_t limit)
{
    files->memory.bytes = malloc(limit);
    files->memory.capacity = limit;
    if (!files->memory.bytes)
        return command_error(call, "there is no memory for a file of %" PRIu64 " bytes", limit);
    int e = files_make(name, files->memory.bytes, &files->memory.size);
    if (!e) {
        strcpy(files->tx, name);
        return 0;
    }
    free(files->memory.bytes);
    return e == -EEXIST
               ? command_error(call, "there is a file '%s' already, expected a new name", name)
           : e == -EINVAL
               ? command_error(call,
                               "'%s' cannot be a file's name, expected up to %u characters but ';'",
                               name, FILES_NAME_MAX)
               : command_error(call, "there is no room for another file");
}

/* All but the file that is read was checked. */
static int create(struct command_call *call, struct pcap_files *files, struct pcap_options *o,
                  unsigned number)
{
    struct port *port = NULL;
    o->memory = files->tx[0] ? &files->memory : NULL;
    int e = pcap_port_create(number, o, &port);
    if (e) {
        files_settle(files->tx);
        files_remove(files->tx);
        return added_port(call, e, NULL);
    }
    files_hold(files->rx);
    pcap_port_on_end(port, let_go, files);
    return added_port(call, 0, port);
}

static int limit_wanted(struct command_call *call, uint64_t *limit)
{
    const struct command_arg *arg = command_option(call, "limit");
    *limit = arg ? arg->number : LIMIT_DEFAULT;
    if (*limit >= LIMIT_MIN && *limit <= LIMIT_MAX)
        return 0;
    return command_error(call, "limit '%s' is out of range, expected %u to %u bytes", arg->word,
                         LIMIT_MIN, LIMIT_MAX);
}

static int add(struct command_call *call, const char *rx, const char *tx, struct pcap_options *o)
{
    unsigned number;
    uint64_t limit;
    int e = added_port_number(call, &number);
    if (!e)
        e = limit_wanted(call, &limit);
    if (e)
        return e;
    struct pcap_files *files = calloc(1, sizeof *files);
    if (!files)
        return added_port(call, -ENOMEM, NULL);
    if (rx)
        e = open_rx(call, files, rx, o);
    if (!e && tx)
        e = open_tx(call, files, tx, limit);
    if (!e)
        e = create(call, files, o, number);
    if (e)
        free(files);
    return e;
}

COMMAND(cmd_port_add_pcap,
        "port add pcap rx WORD [loop] [rate RATE] [tx WORD] [limit NUMBER] [number NUMBER]",
        "Add a port that receives what a capture file holds, and writes another");
static int cmd_port_add_pcap(struct command_call *call)
{
    const struct command_arg *rate = command_option(call, "rate"), *tx = command_option(call, "tx");
    struct pcap_options o = { .loop = command_given(call, "loop") };
    if (rate) {
        o.pace = rate->number ? PCAP_RATE : PCAP_ORIGINAL;
        o.rate = rate->number;
    }
    return add(call, call->arg[0].word, tx ? tx->word : NULL, &o);
}

COMMAND(cmd_port_add_pcap_tx, "port add pcap tx WORD [limit NUMBER] [number NUMBER]",
        "Add a port that writes what it sends into a capture file in memory");
static int cmd_port_add_pcap_tx(struct command_call *call)
{
    struct pcap_options o = { 0 };
    return add(call, NULL, call->arg[0].word, &o);
}

void added_pcap_print(struct out *out, const struct port *port)
{
    const struct pcap_options *o = pcap_port_options(port);
    const struct pcap_files *files = pcap_port_end_arg(port);
    char rate[16] = "original";
    if (o->pace == PCAP_RATE)
        snprintf(rate, sizeof rate, "%u", (unsigned)o->rate);
    out_printf(out, "%s%s%s%s%s%s%s", files->rx[0] ? " rx " : "", files->rx, o->loop ? " loop" : "",
               o->pace ? " rate " : "", o->pace ? rate : "", files->tx[0] ? " tx " : "", files->tx);
    if (o->memory && o->memory->capacity != LIMIT_DEFAULT)
        out_printf(out, " limit %u", (unsigned)o->memory->capacity);
}
