/* tables_data.h - the files of bench_tables and of its peers: reading and making them.
 *
 * The shares of prefix lengths are those of a full table of today as route collectors publish them,
 * from knowledge and rounded; where prefixes lie, and where they lead, is chosen at random. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLES_V4 1000000u
#define TABLES_V6 200000u
#define TABLES_STATIONS 65536u
#define TABLES_KEYS (1u << 20) /* in each file of addresses */
#define TABLES_HOPS 256u

struct tables_v4 {
    uint32_t prefix;
    uint8_t length, zero;
    uint16_t next;
};
struct tables_v6 {
    uint8_t prefix[16];
    uint8_t length, zero;
    uint16_t next;
};
struct tables_mac {
    uint8_t mac[6];
    uint16_t port;
};

static inline void tables_die(const char *why)
{
    fprintf(stderr, "tables: %s\n", why);
    exit(1);
}

/* All records of a file, NULL: there is no such file. */
static inline void *tables_read(const char *directory, const char *name, size_t size,
                                uint32_t *count)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "rb");
    *count = 0;
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    size_t bytes = (size_t)ftell(f) / size * size;
    rewind(f);
    char *records = malloc(bytes + 1);
    if (!records || fread(records, 1, bytes, f) != bytes)
        tables_die(path);
    fclose(f);
    *count = (uint32_t)(bytes / size);
    return records;
}

/* Making ------------------------------------------------------------------------ */

static uint64_t tables_state = 88172645463325252ull;

static inline uint64_t tables_random(void)
{
    tables_state ^= tables_state << 13;
    tables_state ^= tables_state >> 7;
    tables_state ^= tables_state << 17;
    return tables_state * 0x2545f4914f6cdd1dull >> 8;
}

static inline void tables_write(const char *directory, const char *name, const void *records,
                                size_t bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(records, 1, bytes, f) != bytes || fclose(f))
        tables_die(path);
}

static inline unsigned tables_length(const uint32_t *share, unsigned longest)
{
    uint64_t all = 0;
    for (unsigned n = 0; n <= longest; n++)
        all += share[n];
    uint64_t at = tables_random() % all;
    unsigned length = 0;
    while (at >= share[length])
        at -= share[length++];
    return length;
}

/* A rank of n, the k-th with a chance of 1/k: Zipf's law, as a power of n. */
static inline uint32_t tables_zipf(uint32_t n)
{
    double u = (double)(tables_random() >> 16 & 0xffffffff) / 4294967296.0, rank = 1;
    double logarithm = 0;
    for (uint32_t m = n; m > 1; m >>= 1)
        logarithm += 1;
    for (double steps = u * logarithm; steps > 0; steps -= 1)
        rank *= steps >= 1 ? 2 : 1 + steps;
    uint32_t k = (uint32_t)rank - 1;
    return k < n ? k : n - 1;
}

static inline struct tables_v4 *tables_v4_random(uint32_t count)
{
    static const uint32_t share[25] = {
        [8] = 16,    [9] = 13,    [10] = 40,    [11] = 100,   [12] = 300,    [13] = 580,
        [14] = 1200, [15] = 2050, [16] = 13500, [17] = 8300,  [18] = 13700,  [19] = 24900,
        [20] = 43700, [21] = 50500, [22] = 109000, [23] = 96000, [24] = 610000,
    };
    struct tables_v4 *r = calloc(count, sizeof *r);
    for (uint32_t i = 0; i < count; i++) {
        unsigned length = tables_length(share, 24);
        uint32_t host = UINT32_MAX >> length, address = 0x01000000u;
        address += (uint32_t)(tables_random() % 0xdf000000u); /* up to 223.255.255.255 */
        r[i] = (struct tables_v4){ address & ~host, (uint8_t)length, 0,
                                   (uint16_t)(1 + tables_random() % TABLES_HOPS) };
    }
    return r;
}

static inline void tables_make_v4(const char *directory)
{
    struct tables_v4 *r = tables_v4_random(TABLES_V4);
    uint32_t *key = calloc(TABLES_KEYS, sizeof *key);
    tables_write(directory, "v4.rt", r, TABLES_V4 * sizeof *r);
    for (unsigned kind = 0; kind < 3; kind++) {
        static const char *const name[3] = { "v4.hit", "v4.uni", "v4.zipf" };
        for (uint32_t i = 0; i < TABLES_KEYS; i++) {
            uint32_t any = (uint32_t)tables_random();
            const struct tables_v4 *in =
                &r[kind == 2 ? tables_zipf(TABLES_V4) : tables_random() % TABLES_V4];
            key[i] = kind == 1 ? any : in->prefix | (any & UINT32_MAX >> in->length);
        }
        tables_write(directory, name[kind], key, TABLES_KEYS * sizeof *key);
    }
    free(r);
    free(key);
}

/* Random bits from `from` up to `to`. */
static inline void tables_fill(uint8_t *address, unsigned from, unsigned to)
{
    for (unsigned n = from; n < to; n++) {
        uint8_t bit = (uint8_t)(0x80 >> n % 8);
        address[n / 8] = (uint8_t)((address[n / 8] & ~bit) | (tables_random() & 1 ? bit : 0));
    }
}

/* Allocations of /32 or so from the registries' blocks, and what lies in them. */
static inline void tables_make_v6(const char *directory)
{
    static const uint8_t block[8][2] = { { 0x20, 0x01 }, { 0x24, 0x00 }, { 0x26, 0x00 },
                                         { 0x26, 0x04 }, { 0x28, 0x00 }, { 0x2a, 0x00 },
                                         { 0x2a, 0x02 }, { 0x2c, 0x0f } };
    static const uint32_t share[65] = { [29] = 3, [32] = 12, [33] = 2, [34] = 2,  [36] = 4,
                                        [38] = 2, [40] = 10, [42] = 3, [44] = 11, [46] = 4,
                                        [47] = 3, [48] = 43, [56] = 1, [64] = 1 };
    const uint32_t allocations = TABLES_V6 / 8;
    struct tables_v6 *r = calloc(TABLES_V6, sizeof *r);
    uint8_t(*key)[16] = calloc(TABLES_KEYS, sizeof *key);
    for (uint32_t i = 0; i < TABLES_V6; i++) {
        unsigned length = i < allocations ? (i % 5 ? 32 : 29) : tables_length(share, 64);
        uint8_t *prefix = r[i].prefix;
        if (i < allocations || length <= 32) {
            memcpy(prefix, block[tables_random() % 8], 2);
            tables_fill(prefix, 13, length);
        } else {
            memcpy(prefix, r[tables_random() % allocations].prefix, 4);
            tables_fill(prefix, 32, length);
        }
        r[i].length = (uint8_t)length;
        r[i].next = (uint16_t)(1 + tables_random() % TABLES_HOPS);
    }
    tables_write(directory, "v6.rt", r, TABLES_V6 * sizeof *r);
    for (unsigned kind = 0; kind < 2; kind++) {
        for (uint32_t i = 0; i < TABLES_KEYS; i++) {
            const struct tables_v6 *in =
                &r[kind ? tables_zipf(TABLES_V6) : tables_random() % TABLES_V6];
            memcpy(key[i], in->prefix, 16);
            tables_fill(key[i], in->length, 128);
        }
        tables_write(directory, kind ? "v6.zipf" : "v6.hit", key, TABLES_KEYS * sizeof *key);
    }
    free(r);
    free(key);
}

static inline void tables_make_mac(const char *directory, uint32_t stations)
{
    struct tables_mac *r = calloc(stations, sizeof *r), *key = calloc(TABLES_KEYS, sizeof *key);
    for (uint32_t i = 0; i < stations; i++) {
        uint64_t mac = tables_random();
        memcpy(r[i].mac, &mac, sizeof r[i].mac);
        r[i].mac[0] = (uint8_t)((r[i].mac[0] & ~1) | 2);
        r[i].port = (uint16_t)(1 + tables_random() % 64);
    }
    tables_write(directory, "mac.tb", r, stations * sizeof *r);
    for (unsigned kind = 0; kind < 3; kind++) { /* of a mix every second is unknown */
        static const char *const name[3] = { "mac.hit", "mac.mix", "mac.zipf" };
        for (uint32_t i = 0; i < TABLES_KEYS; i++) {
            key[i] = r[kind == 2 ? tables_zipf(stations) : tables_random() % stations];
            key[i].port = 0;
            if (kind == 1 && tables_random() & 1)
                key[i].mac[0] ^= 0x80;
        }
        tables_write(directory, name[kind], key, TABLES_KEYS * sizeof *key);
    }
    free(r);
    free(key);
}

static inline void tables_make(const char *directory, uint32_t stations)
{
    tables_make_v4(directory);
    tables_make_v6(directory);
    tables_make_mac(directory, stations);
}

static inline void tables_unmake(const char *directory)
{
    static const char *const name[] = { "v4.rt",   "v4.hit",  "v4.uni", "v4.zipf",
                                        "v6.rt",   "v6.hit",  "v6.zipf", "mac.tb",
                                        "mac.hit", "mac.mix", "mac.zipf" };
    char path[512];
    for (unsigned i = 0; i < sizeof name / sizeof *name; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, name[i]);
        unlink(path);
    }
    rmdir(directory);
}
