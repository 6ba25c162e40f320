/* The DMAR parser over recorded tables (QEMU 10.0.2, intel-iommu in eleven
 * settings) and made-up ones.  Sections are of the VT-d specification, rev. 5.10. */
#include "iommu/dmar.h"
#include "kernel/compiler.h"

#include "tests/host/test.h"
#include <stdio.h>
#include <string.h>

static struct dmar dmar;
static uint8_t table[4096];
static size_t length;
static const char *why;

static void load(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "tests/data/dmar/%s.aml", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    length = fread(table, 1, sizeof table, f);
    fclose(f);
}

static int parse(void)
{
    why = NULL;
    return dmar_parse(&dmar, table, length, &why);
}

/* A table of one's own: a header, then put_*() rows. */
static void begin(void)
{
    memset(table, 0, sizeof table);
    memcpy(table, "DMAR", 4);
    table[36] = 47;
    length = 48;
}

static uint8_t *put(unsigned type, unsigned size)
{
    uint8_t *row = table + length;
    row[0] = (uint8_t)type;
    row[2] = (uint8_t)size;
    row[3] = (uint8_t)(size >> 8);
    length += size;
    table[4] = (uint8_t)length;
    table[5] = (uint8_t)(length >> 8);
    return row;
}

static uint8_t *put_unit(uint64_t base, unsigned size)
{
    uint8_t *row = put(0, size);
    memcpy(row + 8, &base, sizeof base);
    return row;
}

static void put_scope(uint8_t *at, unsigned type, unsigned bus, unsigned device, unsigned function)
{
    const uint8_t scope[8] = { (uint8_t)type,    8, 0, 0, 0, (uint8_t)bus, (uint8_t)device,
                               (uint8_t)function };
    memcpy(at, scope, sizeof scope);
}

static void refused(const char *phrase)
{
    assert_int_not_equal(parse(), 0);
    assert_non_null(strstr(why, phrase));
    assert_int_equal(dmar.units, 0);
}

static void recorded_tables(void **state)
{
    static const char *const names[] = { "base",         "ir",      "ir-aw39", "ir-cm",
                                         "ir-cm-dtlb",   "ir-eim",  "notrans", "sm-flts",
                                         "sm-flts-dtlb", "sm-slts", "snoop" };
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        load(names[i]);
        assert_int_equal(parse(), 0);
        assert_int_equal(dmar.units, 1);
        assert_int_equal(dmar.unit[0].base, 0xfed90000);
        assert_int_equal(dmar.unit[0].size, 4096);
        assert_int_equal(dmar.address_width, names[i] == names[2] ? 39 : 48);
        assert_int_equal(dmar.ats, strstr(names[i], "dtlb") ? 1 : 0);
    }
}

static void scopes_of_the_recorded_unit(void **state)
{
    load("base");
    assert_int_equal(parse(), 0);
    const struct dmar_unit *u = &dmar.unit[0];
    assert_int_equal(u->scopes.count, 9);
    const struct dmar_scope *ioapic = &dmar.scope[u->scopes.first];
    assert_int_equal(ioapic->type, DMAR_SCOPE_IOAPIC);
    assert_int_equal(ioapic->start_bus, 0xff);
    const struct dmar_scope *bridge = &dmar.scope[u->scopes.first + 5];
    assert_int_equal(bridge->type, DMAR_SCOPE_BRIDGE);
    assert_int_equal(bridge->path[0].device, 4);
}

static void every_row_type(void **state)
{
    begin();
    table[37] = 7;
    put_scope(put_unit(0xfed90000, 24) + 16, DMAR_SCOPE_ENDPOINT, 0, 2, 0);
    put_unit(0xfed91000, 16)[4] = 1; /* 8.3: INCLUDE_PCI_ALL */
    uint8_t *rmrr = put(1, 32);      /* 8.4 */
    const uint64_t base = 0xbf000000, limit = 0xbf0fffff;
    memcpy(rmrr + 8, &base, 8);
    memcpy(rmrr + 16, &limit, 8);
    put_scope(rmrr + 24, DMAR_SCOPE_ENDPOINT, 0, 2, 0);
    put(2, 8)[4] = 1;                                        /* 8.5: ALL_PORTS */
    put(3, 20);                                              /* 8.6 */
    memcpy(put(4, 12) + 8, "ABC", 4);                        /* 8.7 */
    put_scope(put(5, 16) + 8, DMAR_SCOPE_ENDPOINT, 0, 3, 0); /* 8.8 */
    put(99, 12);                                             /* 8.2: unknown rows are skipped */
    assert_int_equal(parse(), 0);
    assert_int_equal(dmar.units, 2);
    assert_true(dmar.unit[1].include_all);
    assert_false(dmar.unit[0].include_all);
    assert_true(dmar.interrupt_remapping);
    assert_int_equal(dmar.regions, 1);
    assert_int_equal(dmar.region[0].limit, limit);
    assert_int_equal(dmar.region[0].scopes.count, 1);
    assert_true(dmar.at[0].all_ports);
    assert_true(dmar.at[1].integrated);
    assert_int_equal(dmar.names, 1);
}

static void lengths_that_lie(void **state)
{
    begin();
    put_unit(0xfed90000, 16);
    length++;
    refused("not a whole");
    length--;
    table[48 + 2] = 0; /* a row of no length would loop for ever */
    refused("longer than the table");
    table[48 + 2] = 17;
    refused("longer than the table");
    table[48 + 2] = 8;
    refused("too short");
    length = 20;
    refused("not a whole");
}

static void scopes_that_lie(void **state)
{
    begin();
    uint8_t *unit = put_unit(0xfed90000, 24);
    put_scope(unit + 16, DMAR_SCOPE_ENDPOINT, 0, 2, 0);
    unit[17] = 0;
    refused("longer than its structure");
    unit[17] = 10;
    refused("longer than its structure");
    unit[17] = 6;
    refused("impossible path");
    unit[17] = 7;
    refused("impossible path");
    put_scope(unit + 16, DMAR_SCOPE_ENDPOINT, 0, 32, 0);
    refused("out of range");
    put_scope(unit + 16, DMAR_SCOPE_ENDPOINT, 0, 2, 8);
    refused("out of range");
}

static void units_that_contradict(void **state)
{
    begin();
    refused("not a whole"); /* length field still 0 */
    put(99, 4);
    refused("no remapping unit");
    begin();
    put_unit(0xfed90000, 16);
    put_unit(0xfed90000, 16);
    refused("overlapping");
    begin();
    put_unit(0xfed90000, 16)[4] = 1;
    put_unit(0xfed91000, 16)[4] = 1;
    refused("rest of a segment");
    begin();
    put_unit(0xfed90800, 16);
    refused("register base");
    begin();
    put_unit(0, 16);
    refused("register base");
}

static void regions_that_cannot_be(void **state)
{
    const uint64_t bounds[][2] = { { 0xbf000800, 0xbf0fffff },
                                   { 0xbf000000, 0xbf0ffffe },
                                   { 0xbf000000, 0xbeffffff },
                                   { 0, UINT64_MAX - 1 } };
    for (unsigned i = 0; i < ARRAY_SIZE(bounds); i++) {
        begin();
        put_unit(0xfed90000, 16);
        memcpy(put(1, 24) + 8, bounds[i], 16);
        refused("RMRR");
    }
}

static void more_than_we_hold(void **state)
{
    begin();
    for (unsigned i = 0; i <= DMAR_UNITS_MAX; i++)
        put_unit(0xfed00000 + 0x1000ull * i, 16);
    refused("more remapping units");
    begin();
    for (unsigned i = 0; i < 9; i++) {
        uint8_t *unit = put_unit(0xfed00000 + 0x1000ull * i, 16 + 8 * 30);
        for (unsigned s = 0; s < 30; s++)
            put_scope(unit + 16 + 8 * s, DMAR_SCOPE_ENDPOINT, 0, s, 0);
    }
    refused("more device scopes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_tables),        cmocka_unit_test(scopes_of_the_recorded_unit),
        cmocka_unit_test(every_row_type),         cmocka_unit_test(lengths_that_lie),
        cmocka_unit_test(scopes_that_lie),        cmocka_unit_test(units_that_contradict),
        cmocka_unit_test(regions_that_cannot_be), cmocka_unit_test(more_than_we_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
