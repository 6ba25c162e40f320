/* transfer.c - `file get` and `file put`: files of ours from and to a TFTP server (tftp.h).
 *
 * Answers are taken as they come, in the control task; the command itself only looks after the
 * time.  What comes is a file when it is there as a whole.  A transfer whose last packet was ours
 * stays a while, without its bytes: the server may not have heard that packet (RFC 1350 6). */
#include "apps/forward/job.h"
#include "apps/ip/probe.h"
#include "apps/ip/tftp.h"
#include "apps/ip/udp.h"
#include "kernel/files.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 6u
#define WAIT_US US_PER_S /* for the first answer; twice as long with each try */
#define WAIT_MAX_US (4 * US_PER_S)
#define TELL_EVERY_US (5 * US_PER_S)
#define STAY_US (10 * US_PER_S)
#define BLOCK_V6 1228u /* what needs no fragments in a packet of 1280 octets (output6.h) */

struct transfer {
    struct udp_socket socket;
    struct udp_peer server;
    bool has_tid; /* the server answered: its port is known (RFC 1350 4) */
    struct tftp tftp;
    unsigned tries;
    uint64_t wait_us, due_us;
    char name[TFTP_NAME_MAX + 1];  /* there */
    char file[FILES_NAME_MAX + 1]; /* here */
};

static struct transfer *last; /* that is over, and may have to repeat itself */

static struct transfer *transfer_of(struct udp_socket *socket)
{
    return container_of(socket, struct transfer, socket);
}

static void end(struct transfer *x)
{
    udp_close(&x->socket);
    tftp_end(&x->tftp);
    free(x);
}

static void forget(void)
{
    struct transfer *x = last;
    last = NULL;
    if (x)
        end(x);
}

static void look_after(struct worker *control, uint64_t now_us)
{
    if (last && now_us >= last->due_us + STAY_US)
        forget();
}

CONTROL_JOB(transfer_job) = { .every_us = US_PER_S, .run = look_after, .free = forget };

/* Packets ------------------------------------------------------------------ */

static void send_now(struct worker *control, struct transfer *x)
{
    uint8_t head[TFTP_PACKET_MAX];
    const uint8_t *body;
    size_t n, length = tftp_packet(&x->tftp, head, &body, &n);
    x->due_us = time_us() + x->wait_us;
    udp_send(control, &x->socket, &x->server, head, (uint32_t)length, body, (uint32_t)n);
}

/* RFC 1350 4: what comes from another port is somebody else's, and its sender is told. */
static bool is_from_server(struct worker *control, struct transfer *x, const struct udp_peer *from)
{
    uint8_t packet[40];
    if (!ip_equal(from->address, x->server.address))
        return false;
    if (!x->has_tid || from->port == x->server.port)
        return true;
    struct udp_peer other = { from->address, from->port, x->server.interface };
    size_t n =
        tftp_error_packet(packet, sizeof packet, TFTP_UNKNOWN_TID, "unknown transfer identifier");
    udp_send(control, &x->socket, &other, packet, (uint32_t)n, NULL, 0);
    return false;
}

static void receive(struct worker *control, struct udp_socket *socket, const struct udp_datagram *d)
{
    struct transfer *x = transfer_of(socket);
    uint8_t packet[TFTP_PACKET_MAX];
    uint32_t n = d->length < sizeof packet ? d->length : sizeof packet;
    uint64_t block = x->tftp.block;
    enum tftp_state state = x->tftp.state;
    if (!is_from_server(control, x, &d->from) || !packet_read(d->packet, d->offset, packet, n))
        return;
    bool answer = tftp_take(&x->tftp, packet, d->length);
    if (block != x->tftp.block || state != x->tftp.state) {
        x->has_tid = true;
        x->server.port = d->from.port;
        x->tries = 0;
        x->wait_us = WAIT_US;
    }
    if (answer)
        send_now(control, x);
}

static void refused(struct udp_socket *socket, struct ip_address to, uint16_t port)
{
    struct transfer *x = transfer_of(socket);
    if (!ip_equal(to, x->server.address) || port != x->server.port || x->tftp.state > TFTP_MOVES)
        return;
    tftp_fail(&x->tftp, TFTP_UNDEFINED, "nobody listens at its UDP port %u", port);
    x->tftp.tells = false;
}

/* The command -------------------------------------------------------------- */

static bool is_under_way(const struct transfer *x)
{
    return x->tftp.state <= TFTP_MOVES;
}

static void time_out(struct transfer *x)
{
    if (x->tries++ == TRIES) {
        tftp_fail(&x->tftp, TFTP_UNDEFINED, "no answer");
        return;
    }
    send_now(control_worker(), x);
    x->wait_us = min_u64(2 * x->wait_us, WAIT_MAX_US);
}

static uint64_t bytes_moved(const struct tftp *t)
{
    if (!t->put)
        return t->size;
    uint64_t out = t->block ? (t->block - 1) * t->block_size : 0;
    return t->state == TFTP_DONE ? t->size : min_u64(out, t->size);
}

static void tell(struct command_call *call, const struct tftp *t)
{
    uint64_t of = t->put ? t->size : t->has_promise ? t->promise : 0;
    if (of)
        out_printf(call->out, "%" PRIu64 " of %" PRIu64 " bytes\n", bytes_moved(t), of);
    else
        out_printf(call->out, "%" PRIu64 " bytes\n", bytes_moved(t));
}

static void attend(struct command_call *call, struct transfer *x)
{
    uint64_t tell_us = time_us() + TELL_EVERY_US;
    while (is_under_way(x)) {
        uint64_t now = time_us();
        if (now >= x->due_us)
            time_out(x);
        if (now >= tell_us) {
            if (x->tftp.state == TFTP_MOVES)
                tell(call, &x->tftp);
            tell_us = now + TELL_EVERY_US;
        }
        if (!command_wait(call) && is_under_way(x))
            tftp_fail(&x->tftp, TFTP_UNDEFINED, "interrupted");
    }
}

/* What came becomes a file, all of it or nothing. */
static void keep(struct transfer *x)
{
    struct tftp *t = &x->tftp;
    size_t size = t->size;
    uint8_t *bytes = realloc(t->bytes, size ? size : 1);
    t->bytes = bytes ? bytes : t->bytes;
    int e = t->bytes ? files_make(x->file, t->bytes, &size) : -ENOMEM;
    if (e) {
        tftp_fail(t, TFTP_DISK_FULL, "%s",
                  e == -EEXIST ? "there is a file of that name by now"
                               : "there is no room for another file");
        return;
    }
    t->bytes = NULL; /* the table's */
    files_settle(x->file);
}

/* 0, or negative after the error line. */
static int report(struct command_call *call, const struct transfer *x, uint64_t began_us)
{
    char text[IP_TEXT], ms[MS_TEXT];
    const struct tftp *t = &x->tftp;
    ip_format(x->server.address, text);
    if (t->state == TFTP_FAILED)
        return command_error(call, "%s '%s' %s %s: %s", t->put ? "put" : "get", x->name,
                             t->put ? "to" : "from", text, t->why);
    out_printf(call->out, "%s: %" PRIu64 " bytes %s %s in %s ms\n", x->file, (uint64_t)t->size,
               t->put ? "to" : "from", text, probe_ms(time_us() - began_us, ms));
    return 0;
}

static void leave(struct transfer *x)
{
    forget();
    if (x->tftp.state != TFTP_DONE || x->tftp.put) {
        end(x);
        return;
    }
    last = x;
}

static int run(struct command_call *call, struct transfer *x)
{
    uint64_t began_us = time_us();
    tftp_begin(&x->tftp);
    udp_open(&x->socket);
    x->wait_us = WAIT_US;
    x->due_us = began_us;
    attend(call, x);
    if (x->tftp.state == TFTP_DONE && !x->tftp.put)
        keep(x);
    if (x->tftp.state == TFTP_FAILED && x->tftp.tells && x->has_tid)
        send_now(control_worker(), x);
    int e = report(call, x, began_us);
    leave(x);
    return e;
}

/* -errno after its error line; else where the server is. */
static int check(struct command_call *call, bool put, const char *there, const char *here,
                 struct echo_request *way)
{
    if (call->source)
        return command_error(call, "files are not moved by a configuration: its ports are not up "
                                   "yet, expected at a console");
    int e = probe_check(call, put ? "file put" : "file get", way);
    if (e)
        return e;
    if (strlen(there) > TFTP_NAME_MAX || !files_name_is_good(here))
        return command_error(call,
                             "'%s' cannot be a file's name, expected a shorter word, or 'as WORD'",
                             put ? there : here);
    return 0;
}

/* The server, and both names: here and there they are the same but for folders, unless told.
 * NULL after an error line. */
static struct transfer *make(struct command_call *call, bool put)
{
    const struct command_arg *as = command_option(call, "as");
    const char *word = call->arg[1].word, *slash = strrchr(word, '/');
    const char *there = put && as ? as->word : word;
    const char *here = put ? word : as ? as->word : slash ? slash + 1 : word;
    struct echo_request way = { 0 };
    if (check(call, put, there, here, &way))
        return NULL;
    struct transfer *x = calloc(1, sizeof *x);
    if (!x) {
        command_error(call, "there is no memory for a transfer");
        return NULL;
    }
    strcpy(x->name, there);
    strcpy(x->file, here);
    x->socket.receive = receive;
    x->socket.refused = refused;
    x->server = (struct udp_peer){ way.to, TFTP_PORT, way.interface };
    x->tftp.put = put;
    x->tftp.name = x->name;
    x->tftp.wanted = ip_is_v4(way.to) ? TFTP_BLOCK_MAX : BLOCK_V6;
    return x;
}

COMMAND_AT_ONCE(cmd_file_get, "file get ADDRESS WORD [as WORD] [interface INTERFACE]",
                "Fetch a file from a TFTP server; Ctrl-C stops");
static int cmd_file_get(struct command_call *call)
{
    struct transfer *x = make(call, false);
    if (!x)
        return -EINVAL;
    if (!files_find(x->file))
        return run(call, x);
    int e = command_error(call, "there is a file '%s' already, expected another name behind 'as'",
                          x->file);
    free(x);
    return e;
}

/* Of one that is still written, what is there now. */
COMMAND_AT_ONCE(cmd_file_put, "file put ADDRESS WORD [as WORD] [interface INTERFACE]",
                "Send a file to a TFTP server; Ctrl-C stops");
static int cmd_file_put(struct command_call *call)
{
    struct transfer *x = make(call, true);
    if (!x)
        return -EINVAL;
    const struct file *f = files_find(x->file);
    if (!f) {
        int e = command_error(call, "there is no file '%s', expected one that 'show files' lists",
                              x->file);
        free(x);
        return e;
    }
    x->tftp.bytes = (uint8_t *)(uintptr_t)f->bytes;
    x->tftp.size = files_size(f);
    char name[FILES_NAME_MAX + 1];
    strcpy(name, x->file);
    files_hold(name);
    int e = run(call, x);
    files_release(name);
    return e;
}
