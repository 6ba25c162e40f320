/* bench_tables.c - look-ups in the forwarding tables and in the table of stations, on the host.
 *
 * --tsv DIR reads what others made (little-endian, no headers):
 *   v4.rt                     {u32 prefix; u8 length; u8 0; u16 next hop}
 *   v4.hit v4.uni v4.zipf     {u32 address}
 *   v6.rt                     {u8 prefix[16]; u8 length; u8 0; u16 next hop}
 *   v6.hit v6.zipf            {u8 address[16]}
 *   mac.tb                    {u8 mac[6]; u16 port}
 *   mac.hit mac.mix mac.zipf  {u8 mac[6]; u8 0[2]}
 * and prints for each file there is `KEY ns cycles check`, with tabs, for a look-up in bursts of
 * 32: the median of many short stretches, and the sum of the next hops found (0 for none); and of
 * each table how long it took to build, what look-ups go through and what else it takes, and one
 * update (a prefix taken out or put back).  v4 is built with its prefixes' reasons, by route_set().
 *
 * --make DIR writes such files; without arguments they are made, measured, and beside them DPDK's
 * tables where build/bench/peer_tables is. */
#include "apps/bridge/fdb.h"
#include "apps/ip/fib.h"
#include "apps/ip/fib6.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/route.h"
#include "kernel/cpu.h"
#include "tests/bench/tables_data.h"
#include "tests/host/host.h"

#include <malloc.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PASSES_LEAST 5u
#define STRETCH 8192u
#define SAMPLES_MOST 100000u
#define PASSES_S 0.5
#define UPDATES 20000u
#define BURST 32u
#define HOPS (1u << 16)

static const char *directory;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *read_file(const char *name, size_t size, uint32_t *count)
{
    return tables_read(directory, name, size, count);
}

/* One figure of a table: `table.what`. */
static void say(const char *table, const char *what, double value)
{
    printf("%s.%s\t%.3f\n", table, what, value);
}

static double heap_mib(void)
{
    return (double)mallinfo2().uordblks / (1 << 20);
}

/* The image's heap lies on pages of 2 MiB; so does what comes next here, where Linux lets it. */
#define HEAP_ROOM (512u << 20)
#define LARGE_PAGE (2u << 20)

static void heap_on_large_pages(void)
{
    mallopt(M_TRIM_THRESHOLD, INT32_MAX); /* what is given back stays */
    char *room = malloc(HEAP_ROOM);
    if (room)
        madvise((void *)ALIGN_UP((uintptr_t)room, (uintptr_t)LARGE_PAGE), HEAP_ROOM - LARGE_PAGE,
                MADV_HUGEPAGE);
    free(room);
}

/* Look-ups -------------------------------------------------------------------- */

/* Looks up keys from i on, n of them, and writes the values. */
typedef void look_up_fn(const void *keys, uint32_t i, unsigned n, uint32_t *values);

static struct sample {
    double ns, cycles;
} sample[SAMPLES_MOST];

static int by_ns(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    return (x->ns > y->ns) - (x->ns < y->ns);
}

/* One stretch of keys, a sample: short, so that others on this CPU spoil few of them. */
static void stretch(const void *keys, uint32_t from, uint32_t to, look_up_fn *look_up,
                    uint32_t *values, struct sample *result)
{
    double begin = seconds();
    uint64_t cycles = rdtsc();
    for (uint32_t i = from; i < to; i += BURST)
        look_up(keys, i, to - i < BURST ? to - i : BURST, values + i);
    result->cycles = (double)(rdtsc() - cycles) / (to - from);
    result->ns = (seconds() - begin) * 1e9 / (to - from);
}

/* next: what a value means.  The first pass is not counted. */
static void measure(const char *name, size_t size, look_up_fn *look_up, const uint16_t *next)
{
    uint32_t count, n = 0;
    uint64_t check = 0;
    void *keys = read_file(name, size, &count);
    if (!keys || !count)
        return;
    uint32_t *values = calloc(count, sizeof *values);
    double begin = seconds();
    for (unsigned pass = 0; pass <= PASSES_LEAST || seconds() - begin < PASSES_S; pass++)
        for (uint32_t i = 0; i < count; i += STRETCH) {
            uint32_t end = count - i < STRETCH ? count : i + STRETCH;
            stretch(keys, i, end, look_up, values, &sample[n % SAMPLES_MOST]);
            n += pass > 0;
        }
    for (uint32_t i = 0; i < count; i++)
        check += next[values[i]];
    n = n < SAMPLES_MOST ? n : SAMPLES_MOST;
    qsort(sample, n, sizeof *sample, by_ns);
    printf("%s\t%.2f\t%.2f\t%llu\n", name, sample[n / 2].ns, sample[n / 2].cycles,
           (unsigned long long)check);
    fflush(stdout);
    free(values);
    free(keys);
}

/* IPv4 ------------------------------------------------------------------------- */

static uint32_t object[HOPS];   /* a next hop's route object */
static uint16_t hop[HOPS + 64]; /* and back */
static struct tables_v4 *v4;
static uint32_t v4_count;

static void v4_look_up(const void *keys, uint32_t i, unsigned n, uint32_t *values)
{
    fib_lookup_burst((const uint32_t *)keys + i, values, n);
}

static void v4_set(const struct tables_v4 *r)
{
    if (route_set(ip_from_v4(r->prefix & ipv4_mask(r->length)), r->length, ROUTE_STATIC,
                  object[r->next]))
        tables_die("no memory for v4");
}

static void v4_update(void)
{
    double begin = seconds();
    for (uint32_t i = 0; i < UPDATES; i++) {
        const struct tables_v4 *r = &v4[(uint64_t)i * 2654435761u % v4_count];
        struct ip_address prefix = ip_from_v4(r->prefix);
        struct route there;
        if (!route_get(prefix, r->length, &there))
            continue;
        uint32_t was = there.nexthop[ROUTE_STATIC];
        nexthop_hold(was);
        route_clear(prefix, r->length, ROUTE_STATIC);
        route_set(prefix, r->length, ROUTE_STATIC, was);
        nexthop_release(was);
    }
    say("v4", "update_us", (seconds() - begin) * 1e6 / (2 * UPDATES));
}

static void bench_v4(void)
{
    v4 = read_file("v4.rt", sizeof *v4, &v4_count);
    if (!v4)
        return;
    if (route_init())
        tables_die("no memory for v4");
    for (uint32_t n = 0; n < HOPS; n++) {
        object[n] = nexthop_connected((uint16_t)n);
        if (!object[n] || object[n] >= ARRAY_SIZE(hop))
            tables_die("no memory for route objects");
        hop[object[n]] = (uint16_t)n;
    }
    double before = heap_mib(), begin = seconds();
    for (uint32_t i = 0; i < v4_count; i++)
        v4_set(&v4[i]);
    say("v4", "build_s", seconds() - begin);
    say("v4", "MiB", (double)fib_bytes() / (1 << 20));
    say("v4", "rib_MiB", heap_mib() - before - (double)fib->blocks.bytes / (1 << 20));
    measure("v4.hit", sizeof(uint32_t), v4_look_up, hop);
    measure("v4.uni", sizeof(uint32_t), v4_look_up, hop);
    measure("v4.zipf", sizeof(uint32_t), v4_look_up, hop);
    if (v4_count)
        v4_update();
    free(v4);
    route_shutdown();
}

/* IPv6 ------------------------------------------------------------------------- */

/* A next hop's value is one more: 0 says that there is none. */
static uint16_t one_less[HOPS + 1];

static void v6_look_up(const void *keys, uint32_t i, unsigned n, uint32_t *values)
{
    fib6_lookup_burst((const uint8_t(*)[FIB6_ADDRESS])keys + i, values, n);
}

static int by_prefix(const void *a, const void *b)
{
    const struct tables_v6 *x = a, *y = b;
    int order = memcmp(x->prefix, y->prefix, sizeof x->prefix);
    return order ? order : x->length - y->length;
}

static bool covers(const struct tables_v6 *r, const uint8_t *key)
{
    unsigned octets = r->length / 8, bits = r->length % 8;
    return !memcmp(r->prefix, key, octets) &&
           (!bits || !((r->prefix[octets] ^ key[octets]) >> (8 - bits)));
}

/* The next shorter prefix of each in a sorted table: the nearest one before that covers it. */
static const struct tables_v6 **covers_of(const struct tables_v6 *r, uint32_t count)
{
    const struct tables_v6 **cover = calloc(count + 1, sizeof *cover);
    for (uint32_t i = 1; i < count; i++) {
        const struct tables_v6 *c = &r[i - 1];
        while (c && (c->length >= r[i].length || !covers(c, r[i].prefix)))
            c = cover[c - r];
        cover[i] = c;
    }
    return cover;
}

static void v6_update(struct tables_v6 *r, uint32_t count)
{
    qsort(r, count, sizeof *r, by_prefix);
    const struct tables_v6 **cover = covers_of(r, count);
    double begin = seconds();
    for (uint32_t n = 0; n < UPDATES; n++) {
        uint32_t i = (uint32_t)((uint64_t)n * 2654435761u % count);
        const struct tables_v6 *c = cover[i];
        fib6_clear(r[i].prefix, r[i].length, c ? c->length : 0, c ? c->next + 1u : 0);
        fib6_set(r[i].prefix, r[i].length, r[i].next + 1u);
    }
    say("v6", "update_us", (seconds() - begin) * 1e6 / (2 * UPDATES));
    free(cover);
}

static void bench_v6(void)
{
    uint32_t count;
    struct tables_v6 *r = read_file("v6.rt", sizeof *r, &count);
    if (!r)
        return;
    if (fib6_init())
        tables_die("no memory for v6");
    for (uint32_t n = 0; n < HOPS; n++)
        one_less[n + 1] = (uint16_t)n;
    double begin = seconds();
    for (uint32_t i = 0; i < count; i++)
        if (fib6_set(r[i].prefix, r[i].length, r[i].next + 1u))
            tables_die("no memory for v6");
    say("v6", "build_s", seconds() - begin);
    say("v6", "MiB", (double)fib6_bytes() / (1 << 20));
    measure("v6.hit", FIB6_ADDRESS, v6_look_up, one_less);
    measure("v6.zipf", FIB6_ADDRESS, v6_look_up, one_less);
    if (count)
        v6_update(r, count);
    free(r);
    fib6_shutdown();
}

/* Stations --------------------------------------------------------------------- */

/* Ports go in with all bits turned over: what is not found is PORT_NONE, and so 0. */
static uint16_t turned[HOPS];

static void mac_look_up(const void *keys, uint32_t i, unsigned n, uint32_t *values)
{
    struct fdb_station station[BURST];
    uint16_t port[BURST];
    for (unsigned j = 0; j < n; j++)
        station[j].key = fdb_key(0, (const uint8_t *)keys + 8 * (size_t)(i + j));
    fdb_prefetch_burst(station, n);
    fdb_lookup_burst(station, port, n);
    for (unsigned j = 0; j < n; j++)
        values[j] = port[j];
}

static void bench_mac(void)
{
    uint32_t count, room = 1024, lost = 0;
    struct tables_mac *r = read_file("mac.tb", sizeof *r, &count);
    if (!r)
        return;
    while (room < count)
        room *= 2;
    for (uint32_t n = 0; n < HOPS; n++)
        turned[n] = (uint16_t)~n;
    double before = heap_mib(), begin;
    do { /* until nobody finds both of his buckets full */
        fdb_free();
        if (fdb_init(room))
            tables_die("no memory for mac");
        begin = seconds();
        lost = 0;
        for (uint32_t i = 0; i < count; i++)
            lost += fdb_add_static(fdb_key(0, r[i].mac), (uint16_t)~r[i].port) != 0;
        room *= 2;
    } while (lost);
    say("mac", "build_s", seconds() - begin);
    say("mac", "MiB", heap_mib() - before);
    measure("mac.hit", sizeof *r, mac_look_up, turned);
    measure("mac.mix", sizeof *r, mac_look_up, turned);
    measure("mac.zipf", sizeof *r, mac_look_up, turned);
    begin = seconds();
    for (uint32_t n = 0; count && n < UPDATES; n++) {
        const struct tables_mac *m = &r[(uint64_t)n * 2654435761u % count];
        fdb_delete(fdb_key(0, m->mac));
        fdb_add_static(fdb_key(0, m->mac), (uint16_t)~m->port);
    }
    say("mac", "update_us", (seconds() - begin) * 1e6 / (2 * UPDATES));
    free(r);
    fdb_free();
}

static void print_all(const char *from)
{
    directory = from;
    host_reset();
    host_use_real_time(true);
    heap_on_large_pages();
    bench_v4();
    bench_v6();
    bench_mac();
}

/* Beside the peers ------------------------------------------------------------- */

/* What `program --tsv DIR` prints, as it comes, with `who` in front. */
static void run_other(const char *program, const char *who)
{
    char line[256], command[512];
    snprintf(command, sizeof command, "%s --tsv %s 2>/dev/null", program, directory);
    FILE *other = popen(command, "r");
    while (other && fgets(line, sizeof line, other))
        printf("  %-8s  %s", who, line);
    if (other)
        pclose(other);
}

static void print_beside_peers(const char *self)
{
    char made[] = "/tmp/millrace-tables-XXXXXX", peer[512];
    if (!mkdtemp(made))
        tables_die("no temporary folder");
    tables_make(made, TABLES_STATIONS);
    directory = made;
    snprintf(peer, sizeof peer, "%.*s/peer_tables", (int)(strrchr(self, '/') - self), self);
    printf(
        "\nTables (one core, bursts of 32; of each file ns, cycles and the sum of what was found)\n"
        "%u IPv4 and %u IPv6 prefixes, %u stations\n\n",
        TABLES_V4, TABLES_V6, TABLES_STATIONS);
    for (unsigned round = 0; round < 3; round++) {
        fflush(stdout);
        run_other(self, "ours");
        if (!access(peer, X_OK))
            run_other(peer, "peer");
        else if (!round)
            printf("  no peers: %s is not built (tools/setup --bench)\n", peer);
    }
    tables_unmake(made);
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "--tsv"))
        print_all(argv[2]);
    else if (argc == 3 && !strcmp(argv[1], "--make"))
        tables_make(argv[2], TABLES_STATIONS);
    else if (argc == 1)
        print_beside_peers(argv[0]);
    else
        tables_die("usage: bench_tables [--tsv DIR | --make DIR]");
    return 0;
}
