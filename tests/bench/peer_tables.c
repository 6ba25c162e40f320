/* peer_tables.c - DPDK's tables on the files of bench_tables, with the same lines of results:
 * `KEY.TABLE ns cycles check`, rte_fib's being the fastest of its ways.  Needs libdpdk. */
#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lpm.h>
#include <rte_lpm6.h>
#include <time.h>

#include "tests/bench/tables_data.h"

#define PASSES 7u
#define STRETCH 8192u
#define SAMPLES_MOST 100000u
#define BURST 32u
#define BLOCKS (1u << 18) /* of 256 entries below the first level */

static const char *directory;
static struct rte_fib *fib;
static struct rte_fib6 *fib6;
static struct rte_lpm *lpm;
static struct rte_lpm6 *lpm6;
static struct rte_hash *hash;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void say(const char *what, double value)
{
    printf("%s\t%.3f\n", what, value);
}

/* Sums up the next hops of n keys from i on. */
typedef uint64_t look_up_fn(void *keys, uint32_t i, unsigned n);

static struct sample {
    double ns, cycles;
} sample[SAMPLES_MOST];

static int by_ns(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    return (x->ns > y->ns) - (x->ns < y->ns);
}

static double measure(const char *name, const char *who, size_t size, look_up_fn *look_up,
                      bool quiet)
{
    uint64_t check = 0;
    uint32_t count, n = 0;
    void *keys = tables_read(directory, name, size, &count);
    if (!keys || !count)
        return 0;
    for (unsigned pass = 0; pass <= PASSES; pass++) {
        check = 0;
        for (uint32_t from = 0; from < count; from += STRETCH) {
            uint32_t to = count - from < STRETCH ? count : from + STRETCH;
            double begin = seconds();
            uint64_t cycles = rte_rdtsc();
            for (uint32_t i = from; i < to; i += BURST)
                check += look_up(keys, i, to - i < BURST ? to - i : BURST);
            sample[n % SAMPLES_MOST].cycles = (double)(rte_rdtsc() - cycles) / (to - from);
            sample[n % SAMPLES_MOST].ns = (seconds() - begin) * 1e9 / (to - from);
            n += pass > 0;
        }
    }
    n = n < SAMPLES_MOST ? n : SAMPLES_MOST;
    qsort(sample, n, sizeof *sample, by_ns);
    if (!quiet)
        printf("%s.%s\t%.2f\t%.2f\t%llu\n", name, who, sample[n / 2].ns, sample[n / 2].cycles,
               (unsigned long long)check);
    fflush(stdout);
    free(keys);
    return sample[n / 2].ns;
}

/* IPv4 ------------------------------------------------------------------------- */

static uint64_t fib_sum(void *keys, uint32_t i, unsigned n)
{
    uint64_t next[BURST], sum = 0;
    rte_fib_lookup_bulk(fib, (uint32_t *)keys + i, next, (int)n);
    for (unsigned j = 0; j < n; j++)
        sum += next[j];
    return sum;
}

static uint64_t lpm_sum(void *keys, uint32_t i, unsigned n)
{
    uint32_t next[BURST];
    uint64_t sum = 0;
    rte_lpm_lookup_bulk(lpm, (uint32_t *)keys + i, next, n);
    for (unsigned j = 0; j < n; j++)
        sum += next[j] & RTE_LPM_LOOKUP_SUCCESS ? next[j] & 0xffffff : 0;
    return sum;
}

/* The way of rte_fib that is fastest here. */
static void fib_choose(void)
{
    static const enum rte_fib_lookup_type ways[] = { RTE_FIB_LOOKUP_DIR24_8_SCALAR_MACRO,
                                                     RTE_FIB_LOOKUP_DIR24_8_SCALAR_INLINE,
                                                     RTE_FIB_LOOKUP_DIR24_8_SCALAR_UNI,
                                                     RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512 };
    double best = 1e9;
    unsigned chosen = 0;
    for (unsigned i = 0; i < RTE_DIM(ways); i++) {
        if (rte_fib_select_lookup(fib, ways[i]))
            continue;
        double ns = measure("v4.hit", "", sizeof(uint32_t), fib_sum, true);
        if (ns < best) {
            best = ns;
            chosen = i;
        }
    }
    rte_fib_select_lookup(fib, ways[chosen]);
}

static void peers_v4(void)
{
    static const char *const name[] = { "v4.hit", "v4.uni", "v4.zipf" };
    uint32_t count;
    struct tables_v4 *r = tables_read(directory, "v4.rt", sizeof *r, &count);
    if (!r)
        return;
    struct rte_fib_conf of_fib = { .type = RTE_FIB_DIR24_8, .max_routes = (int)count + 1024 };
    of_fib.dir24_8.nh_sz = RTE_FIB_DIR24_8_4B;
    of_fib.dir24_8.num_tbl8 = BLOCKS / 2;
    struct rte_lpm_config of_lpm = { .max_rules = count + 1024, .number_tbl8s = BLOCKS / 2 };
    fib = rte_fib_create("v4", SOCKET_ID_ANY, &of_fib);
    lpm = rte_lpm_create("v4", SOCKET_ID_ANY, &of_lpm);
    double begin = seconds();
    for (uint32_t i = 0; fib && i < count; i++)
        rte_fib_add(fib, r[i].prefix, r[i].length, r[i].next);
    say("v4.rte_fib.build_s", seconds() - begin);
    begin = seconds();
    for (uint32_t i = 0; lpm && i < count && seconds() - begin < 30; i++)
        rte_lpm_add(lpm, r[i].prefix, r[i].length, r[i].next);
    say("v4.rte_lpm.build_s", seconds() - begin);
    if (fib)
        fib_choose();
    for (unsigned i = 0; i < RTE_DIM(name); i++) {
        if (fib)
            measure(name[i], "rte_fib", sizeof(uint32_t), fib_sum, false);
        if (lpm)
            measure(name[i], "rte_lpm", sizeof(uint32_t), lpm_sum, false);
    }
    rte_fib_free(fib);
    rte_lpm_free(lpm);
    free(r);
}

/* IPv6 ------------------------------------------------------------------------- */

static uint64_t fib6_sum(void *keys, uint32_t i, unsigned n)
{
    uint64_t next[BURST], sum = 0;
    rte_fib6_lookup_bulk(fib6, (uint8_t(*)[16])keys + i, next, (int)n);
    for (unsigned j = 0; j < n; j++)
        sum += next[j];
    return sum;
}

static uint64_t lpm6_sum(void *keys, uint32_t i, unsigned n)
{
    int32_t next[BURST];
    uint64_t sum = 0;
    rte_lpm6_lookup_bulk_func(lpm6, (uint8_t(*)[16])keys + i, next, n);
    for (unsigned j = 0; j < n; j++)
        sum += next[j] < 0 ? 0 : (uint32_t)next[j];
    return sum;
}

static void peers_v6(void)
{
    static const char *const name[] = { "v6.hit", "v6.zipf" };
    uint32_t count;
    struct tables_v6 *r = tables_read(directory, "v6.rt", sizeof *r, &count);
    if (!r)
        return;
    struct rte_fib6_conf of_fib = { .type = RTE_FIB6_TRIE, .max_routes = (int)count + 1024 };
    of_fib.trie.nh_sz = RTE_FIB6_TRIE_4B;
    of_fib.trie.num_tbl8 = 2 * BLOCKS;
    struct rte_lpm6_config of_lpm = { .max_rules = count + 1024, .number_tbl8s = BLOCKS };
    fib6 = rte_fib6_create("v6", SOCKET_ID_ANY, &of_fib);
    lpm6 = rte_lpm6_create("v6", SOCKET_ID_ANY, &of_lpm);
    double begin = seconds();
    for (uint32_t i = 0; fib6 && i < count; i++)
        rte_fib6_add(fib6, r[i].prefix, r[i].length, r[i].next);
    say("v6.rte_fib6.build_s", seconds() - begin);
    begin = seconds();
    for (uint32_t i = 0; lpm6 && i < count; i++)
        rte_lpm6_add(lpm6, r[i].prefix, r[i].length, r[i].next);
    say("v6.rte_lpm6.build_s", seconds() - begin);
    for (unsigned i = 0; i < RTE_DIM(name); i++) {
        if (fib6)
            measure(name[i], "rte_fib6", 16, fib6_sum, false);
        if (lpm6)
            measure(name[i], "rte_lpm6", 16, lpm6_sum, false);
    }
    rte_fib6_free(fib6);
    rte_lpm6_free(lpm6);
    free(r);
}

/* Stations --------------------------------------------------------------------- */

static uint64_t hash_sum(void *keys, uint32_t i, unsigned n)
{
    const void *key[BURST];
    void *port[BURST];
    uint64_t hits = 0, sum = 0;
    for (unsigned j = 0; j < n; j++)
        key[j] = (const uint64_t *)keys + i + j;
    rte_hash_lookup_bulk_data(hash, key, n, &hits, port);
    for (unsigned j = 0; j < n; j++)
        sum += hits >> j & 1 ? (uint64_t)(uintptr_t)port[j] : 0;
    return sum;
}

static void peers_mac(void)
{
    static const char *const name[] = { "mac.hit", "mac.mix", "mac.zipf" };
    uint32_t count;
    struct tables_mac *r = tables_read(directory, "mac.tb", sizeof *r, &count);
    if (!r)
        return;
    struct rte_hash_parameters of_hash = {
        .name = "mac", .entries = count + count / 4 + 1024, .key_len = 8, .hash_func = rte_hash_crc
    };
    hash = rte_hash_create(&of_hash);
    double begin = seconds();
    for (uint32_t i = 0; hash && i < count; i++) {
        uint64_t key = 0;
        memcpy(&key, r[i].mac, sizeof r[i].mac);
        rte_hash_add_key_data(hash, &key, (void *)(uintptr_t)r[i].port);
    }
    say("mac.rte_hash.build_s", seconds() - begin);
    for (unsigned i = 0; hash && i < RTE_DIM(name); i++)
        measure(name[i], "rte_hash", 8, hash_sum, false);
    rte_hash_free(hash);
    free(r);
}

int main(int argc, char **argv)
{
    char *options[] = { argv[0],
                        "--no-huge",
                        "-m",
                        "2048",
                        "--no-pci",
                        "--no-telemetry",
                        "--no-shconf",
                        "--log-level=1",
                        "--force-max-simd-bitwidth=512",
                        "-l",
                        "0" };
    if (argc != 3 || strcmp(argv[1], "--tsv"))
        tables_die("usage: peer_tables --tsv DIR");
    directory = argv[2];
    if (rte_eal_init(RTE_DIM(options), options) < 0)
        tables_die("DPDK does not start");
    peers_v4();
    peers_v6();
    peers_mac();
    return 0;
}
