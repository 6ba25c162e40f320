/* pmd_set.c - testpmd's `set ...`: what the modes that take ports whole do, and with which ports.
 */
#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "apps/forward/port_commands.h"
#include "apps/modes/pmd.h"
#include "apps/modes/pmd_stats.h"
#include "apps/modes/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 128u /* ports in a list */
#define RATE_MAX 100000000u
#define FLOWS_MAX 65536u /* destinations within 10.253.0.0/16 */
#define NOISE_MIB_MAX 1024u
#define NOISE_TIMES_MAX 100000u

static int no_memory(struct command_call *call)
{
    return command_error(call, "there is no memory for that");
}

static int out_of_range(struct command_call *call, const struct command_arg *arg, uint64_t least,
                        uint64_t most)
{
    if (arg->number >= least && arg->number <= most)
        return 0;
    return command_error(call, "'%s' is out of range, expected %" PRIu64 " to %" PRIu64, arg->word,
                         least, most);
}

COMMAND(cmd_set_fwd, "set fwd MODE", "Choose how frames are forwarded, and do not start");
static int cmd_set_fwd(struct command_call *call)
{
    const struct forward_mode *mode = call->arg[0].mode;
    int e = forward_set_mode(mode);
    if (e)
        return command_error(call, "mode %s could not start: %s", mode->name, strerror(-e));
    out_printf(call->out, "Set %s packet forwarding mode\n", mode->name);
    return 0;
}

COMMAND(cmd_set_at_once, "set burst NUMBER", "Set how many frames are taken or made at once");
static int cmd_set_at_once(struct command_call *call)
{
    if (out_of_range(call, &call->arg[0], 1, PORT_BURST))
        return -1;
    workers_set_burst((uint16_t)call->arg[0].number);
    out_printf(call->out, "Number of packets per burst set to %u\n", forward_burst());
    return 0;
}

/* Numbers with commas between them, each at most `most`: how many there are; 0: something else. */
static unsigned parse_list(const char *text, uint16_t *list, unsigned room, uint64_t most)
{
    unsigned n = 0;
    for (char word[COMMAND_LINE_MAX], *rest = word, *next; rest; n++) {
        uint64_t value;
        if (!n)
            strcpy(word, text);
        next = strchr(rest, ',');
        if (next)
            *next++ = 0;
        if (n == room || !parse_number(rest, &value) || value > most)
            return 0;
        list[n] = (uint16_t)value;
        rest = next;
    }
    return n;
}

COMMAND(cmd_set_txpkts, "set txpkts WORD",
        "Set how long test frames are, without FCS: the length of each segment, with commas");
static int cmd_set_txpkts(struct command_call *call)
{
    struct tx_shape shape = { 0 };
    shape.segments = parse_list(call->arg[0].word, shape.segment, FRAME_SEGMENTS_MAX, PACKET_ROOM);
    for (unsigned i = 0; i < shape.segments; i++)
        shape.length += shape.segment[i];
    if (!shape.segments || shape.segment[0] < MODE_FRAME_MIN || shape.length > FRAME_MAX)
        return command_error(call,
                             "'%s' is no frame, expected up to %u lengths such as 64 or 128,1000, "
                             "the first %u or more, each up to %u, %u together",
                             call->arg[0].word, FRAME_SEGMENTS_MAX, MODE_FRAME_MIN, PACKET_ROOM,
                             FRAME_MAX);
    return mode_set_tx_shape(&shape) ? no_memory(call) : 0;
}

COMMAND(cmd_set_txrate, "set txrate NUMBER",
        "Set how many test frames a second each port is sent; 0: as many as it takes");
static int cmd_set_txrate(struct command_call *call)
{
    if (out_of_range(call, &call->arg[0], 0, RATE_MAX))
        return -1;
    mode_set_rate(call->arg[0].number);
    return 0;
}

COMMAND(cmd_set_flows, "set flowgen-flows NUMBER", "Set how many flows mode flowgen makes");
static int cmd_set_flows(struct command_call *call)
{
    if (out_of_range(call, &call->arg[0], 1, FLOWS_MAX))
        return -1;
    mode_set_flows((uint32_t)call->arg[0].number);
    return 0;
}

COMMAND(cmd_set_noisy, "set noisy memory NUMBER [reads NUMBER] [writes NUMBER] [both NUMBER]",
        "Set what mode noisy does for each frame, in so many MiB; 0: nothing");
static int cmd_set_noisy(struct command_call *call)
{
    static const char *const names[] = { "reads", "writes", "both" };
    unsigned times[3] = { 0 };
    uint64_t mib = call->arg[0].number;
    if (out_of_range(call, &call->arg[0], 0, NOISE_MIB_MAX))
        return -1;
    if (mib & (mib - 1))
        return command_error(call, "'%s' is no power of two, expected one", call->arg[0].word);
    for (unsigned i = 0; i < 3; i++) {
        const struct command_arg *arg = command_option(call, names[i]);
        if (arg && out_of_range(call, arg, 0, NOISE_TIMES_MAX))
            return -1;
        times[i] = arg ? (unsigned)arg->number : 0;
    }
    return mode_set_noise(mib << 20, times[0], times[1], times[2]) ? no_memory(call) : 0;
}

COMMAND(cmd_set_eth_peer, "set eth-peer PORT MAC",
        "Set which station is behind a port, for modes that address it");
static int cmd_set_eth_peer(struct command_call *call)
{
    struct mode_port *mp = mode_port_get(call->arg[0].port->number);
    if (!mp)
        return no_memory(call);
    store_relaxed(&mp->peer, mac_load(call->arg[1].mac));
    return 0;
}

static bool twice(const uint16_t *list, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < i; k++)
            if (list[i] == list[k])
                return true;
    return false;
}

COMMAND(cmd_set_portlist, "set portlist WORD",
        "Set which ports take part in modes that take ports whole, in pairs: 0,2,1,3; all: all");
static int cmd_set_portlist(struct command_call *call)
{
    const char *word = call->arg[0].word;
    uint16_t list[LIST_MAX];
    unsigned n = parse_list(word, list, LIST_MAX, PORT_NONE - 1u);
    if (!strcmp(word, "all"))
        return forward_set_pairs(NULL, 0);
    if (!n || twice(list, n))
        return command_error(call, "'%s' is no list of ports, expected one such as 0,2,1,3, or all",
                             word);
    for (unsigned i = 0; i < n; i++)
        if (!port_get(list[i]))
            return command_error(call, "there is no port %u, expected those of 'show ports'",
                                 list[i]);
    return forward_set_pairs(list, n) ? no_memory(call) : 0;
}

COMMAND(cmd_set_cycles, "set record-core-cycles on|off", "Tell the CPU's cycles in fwd stats");
static int cmd_set_cycles(struct command_call *call)
{
    pmd_record_cycles(!call->arg[0].choice);
    return 0;
}

COMMAND(cmd_set_bursts, "set record-burst-stats on|off", "Tell how long bursts are in fwd stats");
static int cmd_set_bursts(struct command_call *call)
{
    return pmd_record_bursts(!call->arg[0].choice) ? no_memory(call) : 0;
}

COMMAND(cmd_set_flush, "set flush_rx on|off",
        "Drop what comes in while forwarding is stopped, or leave it in the ports' queues");
static int cmd_set_flush(struct command_call *call)
{
    forward_set_keep(call->arg[0].choice);
    return 0;
}

/* Ports ---------------------------------------------------------------------- */

static int set_rx_mode(struct command_call *call, struct port *port, const void *arg)
{
    int (*const *set)(struct port * port, bool on) = arg;
    bool on = !call->arg[1].choice;
    if (port_command_hold(call, port))
        return -1;
    int e = (*set)(port, on);
    unsigned number = port->number;
    port_release(port);
    return e && on
               ? command_error(call, "port %u: its device cannot do that: %s", number, strerror(-e))
               : 0;
}

COMMAND(cmd_set_promisc, "set promisc PORTS on|off", "Receive frames for other stations, or not");
static int cmd_set_promisc(struct command_call *call)
{
    int (*const set)(struct port * port, bool on) = forward_set_promiscuous;
    return pmd_for_each(call, &call->arg[0], set_rx_mode, &set);
}

COMMAND(cmd_set_allmulti, "set allmulti PORTS on|off", "Receive frames for all groups, or not");
static int cmd_set_allmulti(struct command_call *call)
{
    int (*const set)(struct port * port, bool on) = forward_set_all_multicast;
    return pmd_for_each(call, &call->arg[0], set_rx_mode, &set);
}

/* show config ---------------------------------------------------------------- */

static void print_shape(struct out *out)
{
    const struct tx_shape *shape = mode_tx_shape();
    if (shape->segments == 1 && shape->length == FRAME_PADDED)
        return;
    struct tx_shape copy = *shape;
    out_text(out, "set txpkts ");
    for (unsigned i = 0; i < copy.segments; i++)
        out_printf(out, "%s%u", i ? "," : "", copy.segment[i]);
    out_text(out, "\n");
}

static void print_pairs(struct out *out)
{
    const uint16_t *list;
    const char *between = "set portlist ";
    for (unsigned i = 0; i < forward_get_pairs(&list); i++) {
        if (list[i] == PORT_NONE)
            continue;
        out_printf(out, "%s%u", between, list[i]);
        between = ",";
    }
    if (*between == ',')
        out_text(out, "\n");
}

static void print_noise(struct out *out)
{
    const struct noise *n = mode_noise();
    if (n)
        out_printf(out, "set noisy memory %u reads %u writes %u both %u\n",
                   (unsigned)(n->words * sizeof n->memory[0] >> 20), n->reads, n->writes, n->both);
}

static void print_port(struct out *out, unsigned number)
{
    const struct mode_port *mp = mode_port_get(number);
    char mac[MAC_TEXT];
    uint8_t bytes[MAC_LEN];
    if (mp && mp->peer) {
        mac_store(bytes, mp->peer);
        out_printf(out, "set eth-peer %u %s\n", number, mac_format(bytes, mac));
    }
    if (port_get(number) && forward_all_multicast(port_get(number)))
        out_printf(out, "set allmulti %u on\n", number);
}

static void print_config(struct out *out)
{
    for (unsigned i = 0; i < port_count(); i++)
        print_port(out, i);
    print_pairs(out);
    print_shape(out);
    print_noise(out);
    if (forward_burst() != PORT_BURST)
        out_printf(out, "set burst %u\n", forward_burst());
    if (mode_rate())
        out_printf(out, "set txrate %" PRIu64 "\n", mode_rate());
    if (mode_flows() != MODE_FLOWS)
        out_printf(out, "set flowgen-flows %" PRIu32 "\n", mode_flows());
    if (pmd_records_cycles())
        out_text(out, "set record-core-cycles on\n");
    if (pmd_records_bursts())
        out_text(out, "set record-burst-stats on\n");
    if (forward_keeps())
        out_text(out, "set flush_rx off\n");
}

CONFIG_PRINTER(pmd_config) = { .order = CONFIG_FORWARD - 1, .print = print_config };
