/* table.h - linker tables: a list whose entries live beside their subject.
 *
 * TABLE_ENTRY(name, type, symbol) defines one constant row of table `name`;
 * TABLE_FOR_EACH walks all rows of everything that was linked.  Every source
 * is always compiled; what a build contains is decided by its link line.  The
 * linker defines __start_X and __stop_X for a section whose name is a C
 * identifier, on the bare machine and on Linux alike.  Rows come in link
 * order: who needs an order sorts.
 *
 *     TABLE_ENTRY(pci_drivers, struct pci_driver, e1000_driver) = { ... };
 *     TABLE_FOR_EACH(pci_drivers, struct pci_driver, d) probe(d);
 *
 * A table that may be empty in some link (a unit test) is declared with
 * TABLE_DECLARE, which makes the bounds weak. */
#pragma once

#define TABLE_ENTRY(name, type, symbol) \
    static const type symbol \
        __attribute__((used, section("table_" #name), aligned(__alignof__(type))))
#define TABLE_DECLARE(name, type) \
    extern const type __start_table_##name[] __attribute__((weak)); \
    extern const type __stop_table_##name[] __attribute__((weak))
#define TABLE_FOR_EACH(name, type, it) \
    for (const type *it = __start_table_##name; it < __stop_table_##name; it++)
