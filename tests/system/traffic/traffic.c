/* traffic.c - what stands at the other end of the appliance's wires.
 *
 *   traffic lan    two LANs with hosts that resolve, ping and answer each other
 *   traffic blast  numbered frames in at one side, verified out at the other
 *   traffic flood  the same, more than can be forwarded; loss is reported, not blamed
 *
 * The other end of a wire is QEMU's `-netdev dgram`.  A signal ends it: a blast then sends no
 * more and waits for what is under way. */
#include "traffic.h"

#include "frame.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *const mode_names[MODES] = { "io", "l2", "mac", "macswap", "l3" };

struct options options = {
    .mode = MODE_L2,
    .frames = 1000,
    .window = 64,
    .seconds = 1200,
    .flows = 16,
    .hosts = 4,
    .size_count = 1,
    .sizes = { FRAME_MIN },
};

volatile sig_atomic_t stopped;

static void on_signal(int signal)
{
    (void)signal;
    stopped = 1;
}

void fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("traffic: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Command line ---------------------------------------------------------------- */

static const char usage[] =
    "usage: traffic lan|blast|flood --a LOCAL,REMOTE --b LOCAL,REMOTE [options]\n"
    "  LOCAL, REMOTE    unix datagram sockets: ours, and the appliance's\n"
    "  --mode MODE      what the appliance does: io, l2, mac, macswap or l3 (default l2)\n"
    "  --rate N         frames (lan: requests) a second\n"
    "  --hosts N        lan: hosts on either side (default 4)\n"
    "  --frames N       blast, flood: frames in either direction (default 1000)\n"
    "  --window N       blast: frames under way in either direction (default 64)\n"
    "  --sizes N,N,...  blast, flood: frame lengths without FCS, in turn (default 60)\n"
    "  --flows N        blast, flood: UDP source ports in turn (default 16)\n"
    "  --seconds N      blast, flood: gives up after (default 1200)\n"
    "  --one-way        blast, flood: from a to b only\n"
    "  --deaf           flood: takes no frame off the wires before all are sent\n";

static uint64_t parse_number(const char *name, const char *text, uint64_t min, uint64_t max)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (!*text || *end || value < min || value > max)
        fail("--%s %s: expected a number from %" PRIu64 " to %" PRIu64, name, text, min, max);
    return value;
}

static void parse_wire(struct wire *w, char *text)
{
    char *comma = strchr(text, ',');
    if (!comma)
        fail("%s: expected LOCAL,REMOTE", text);
    *comma = '\0';
    w->local = text;
    w->remote = comma + 1;
}

static void parse_sizes(char *text)
{
    options.size_count = 0;
    for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
        if (options.size_count == SIZES_MAX)
            fail("at most %u sizes", SIZES_MAX);
        options.sizes[options.size_count++] =
            (uint16_t)parse_number("sizes", word, FRAME_MIN, FRAME_MAX);
    }
    if (!options.size_count)
        fail("--sizes: expected a list of lengths");
}

static void parse_mode(const char *text)
{
    for (unsigned m = 0; m < MODES; m++) {
        if (!strcmp(text, mode_names[m])) {
            options.mode = (enum mode)m;
            return;
        }
    }
    fail("--mode %s: no such mode", text);
}

static void parse_options(int argc, char **argv)
{
    static const struct option rows[] = {
        { "a", required_argument, NULL, 'a' },
        { "b", required_argument, NULL, 'b' },
        { "mode", required_argument, NULL, 'm' },
        { "rate", required_argument, NULL, 'r' },
        { "hosts", required_argument, NULL, 'h' },
        { "frames", required_argument, NULL, 'n' },
        { "window", required_argument, NULL, 'w' },
        { "sizes", required_argument, NULL, 's' },
        { "flows", required_argument, NULL, 'f' },
        { "seconds", required_argument, NULL, 't' },
        { "one-way", no_argument, NULL, 'o' },
        { "deaf", no_argument, NULL, 'd' },
        { NULL, 0, NULL, 0 },
    };
    int c, row;
    while ((c = getopt_long(argc, argv, "", rows, &row)) != -1) {
        switch (c) {
        case 'a':
        case 'b':
            parse_wire(&options.wires[c - 'a'], optarg);
            break;
        case 'm':
            parse_mode(optarg);
            break;
        case 'r':
            options.rate = parse_number(rows[row].name, optarg, 1, 100000000);
            break;
        case 'h':
            options.hosts = parse_number(rows[row].name, optarg, 1, HOSTS_MAX);
            break;
        case 'n':
            options.frames = parse_number(rows[row].name, optarg, 1, 1000000000);
            break;
        case 'w':
            options.window = parse_number(rows[row].name, optarg, 1, 1000000);
            break;
        case 's':
            parse_sizes(optarg);
            break;
        case 'f':
            options.flows = parse_number(rows[row].name, optarg, 1, 16384);
            break;
        case 't':
            options.seconds = parse_number(rows[row].name, optarg, 1, 100000);
            break;
        case 'o':
            options.one_way = true;
            break;
        case 'd':
            options.deaf = true;
            break;
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    parse_options(argc, argv);
    const char *what = optind + 1 == argc ? argv[optind] : "";
    bool lan = !strcmp(what, "lan"), flood = !strcmp(what, "flood");
    struct wire *wires = options.wires;
    if ((!lan && !flood && strcmp(what, "blast") != 0) || !wires[0].local || !wires[1].local) {
        fputs(usage, stderr);
        return 2;
    }
    struct sigaction act = { .sa_handler = on_signal };
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    for (unsigned i = 0; i < 2; i++)
        wire_open(&wires[i]);
    for (unsigned i = 0; i < 2; i++)
        wire_connect(&wires[i]);
    int status = lan ? run_lan(wires) : run_blast(wires, flood);
    for (unsigned i = 0; i < 2; i++)
        unlink(wires[i].local);
    return status;
}
