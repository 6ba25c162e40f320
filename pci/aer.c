/* aer.c - advanced error reporting, polled (aer.h).  PCIe 6.2 and 7.8.4.
 * unread in this file: PCIe. */
#include "pci/aer.h"

#include "kernel/compiler.h"
#include "pci/pci_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_US (1 * US_PER_S)
#define TELL_US (10 * US_PER_S) /* one line a function in so long */
#define TEXT_MAX 128u

/* 7.8.4.2 and 7.8.4.5 */
static const char *const uncorrectable_names[PCI_AER_BITS] = {
    [4] = "data-link-protocol", [5] = "surprise-down",
    [12] = "poisoned",          [13] = "flow-control",
    [14] = "timeout",           [15] = "completer-abort",
    [16] = "unexpected",        [17] = "receiver-overflow",
    [18] = "malformed",         [19] = "ECRC",
    [20] = "unsupported",       [21] = "ACS-violation",
    [22] = "internal",          [23] = "multicast-blocked",
    [24] = "atomic-blocked",    [25] = "prefix-blocked",
    [26] = "poisoned-blocked",
};
static const char *const correctable_names[PCI_AER_BITS] = {
    [0] = "receiver",        [6] = "bad-TLP",   [7] = "bad-DLLP",  [8] = "replay-rollover",
    [12] = "replay-timeout", [13] = "advisory", [14] = "internal", [15] = "header-overflow",
};

const char *pci_aer_name(bool correctable, unsigned bit)
{
    const char *name = bit >= PCI_AER_BITS ? NULL
                       : correctable       ? correctable_names[bit]
                                           : uncorrectable_names[bit];
    return name ? name : "reserved";
}

/* Finding ------------------------------------------------------------------------ */

/* What is there already happened before us, or is what the scan's questions for
 * absent functions left. */
void pci_aer_clear(const struct pci_function *f)
{
    uint16_t at = f->aer ? f->aer->at : 0;
    if (!at)
        return;
    pci_write32(f, at + PCI_AER_UNCORRECTABLE, pci_read32(f, at + PCI_AER_UNCORRECTABLE));
    pci_write32(f, at + PCI_AER_CORRECTABLE, pci_read32(f, at + PCI_AER_CORRECTABLE));
}

void pci_aer_find(struct pci_function *f)
{
    uint16_t at = pci_find_extended_capability(f, PCI_EXT_AER, 0);
    if (!at || at + PCI_AER_LENGTH > f->config_size)
        return;
    f->aer = calloc(1, sizeof *f->aer);
    if (f->aer)
        f->aer->at = at;
    else
        pci_log(LOG_WARNING, f, "no memory to count its errors");
}

/* Telling ------------------------------------------------------------------------- */

static void names_of(bool correctable, uint32_t status, char text[TEXT_MAX])
{
    size_t n = strlen(text);
    for (unsigned bit = 0; bit < PCI_AER_BITS && n < TEXT_MAX; bit++)
        if (status >> bit & 1) {
            snprintf(text + n, TEXT_MAX - n, " %s", pci_aer_name(correctable, bit));
            n = strlen(text);
        }
}

/* A function that errs all the time gets a line now and then, which tells of all. */
static void tell(const struct pci_function *f, uint32_t uncorrectable, uint32_t correctable,
                 bool fatal, uint64_t now_us)
{
    struct pci_aer *a = f->aer;
    char names[TEXT_MAX] = "";
    if (now_us < a->tell_us)
        return;
    a->tell_us = now_us + TELL_US;
    names_of(false, uncorrectable, names);
    names_of(true, correctable, names);
    if (uncorrectable)
        pci_log(fatal ? LOG_ERROR : LOG_WARNING, f,
                "%s error:%s, header %08" PRIx32 " %08" PRIx32 " %08" PRIx32 " %08" PRIx32
                ", %u since the last line",
                fatal ? "fatal" : "non-fatal", names, a->header[0], a->header[1], a->header[2],
                a->header[3], a->untold);
    else
        pci_log(LOG_INFO, f, "corrected error:%s, %u since the last line", names, a->untold);
    a->untold = 0;
}

/* Counting ------------------------------------------------------------------------ */

static void count(struct pci_aer *a, uint32_t status, uint32_t counts[PCI_AER_BITS],
                  enum pci_aer_kind kind)
{
    for (unsigned bit = 0; bit < PCI_AER_BITS; bit++)
        if (status >> bit & 1) {
            counts[bit]++;
            a->count[kind]++;
            a->untold++;
        }
}

/* Errors that firmware or reset masked are counted, but nobody wants to hear of them
 * (7.8.4.3): no header is kept for them either. */
static void ask(const struct pci_function *f, uint64_t now_us)
{
    struct pci_aer *a = f->aer;
    uint32_t uncorrectable = pci_read32(f, a->at + PCI_AER_UNCORRECTABLE);
    uint32_t correctable = pci_read32(f, a->at + PCI_AER_CORRECTABLE);
    if (uncorrectable == UINT32_MAX || !(uncorrectable | correctable))
        return;
    uint32_t severe = pci_read32(f, a->at + PCI_AER_SEVERITY);
    uint32_t heard = uncorrectable & ~pci_read32(f, a->at + PCI_AER_UNCORRECTABLE_MASK);
    uint32_t heard_correctable = correctable & ~pci_read32(f, a->at + PCI_AER_CORRECTABLE_MASK);
    for (uint16_t i = 0; heard && i < ARRAY_SIZE(a->header); i++)
        a->header[i] = pci_read32(f, a->at + PCI_AER_HEADER_LOG + 4 * i);
    pci_write32(f, a->at + PCI_AER_UNCORRECTABLE, uncorrectable);
    pci_write32(f, a->at + PCI_AER_CORRECTABLE, correctable);
    if (f->express) /* the summary of it, 7.5.3.5 */
        pci_write16(f, f->express + PCI_EXPRESS_DEVICE_STA,
                    PCI_EXPRESS_CORRECTABLE | PCI_EXPRESS_NON_FATAL | PCI_EXPRESS_FATAL |
                        PCI_EXPRESS_UNSUPPORTED);
    count(a, uncorrectable & severe, a->uncorrectable, PCI_AER_FATAL);
    count(a, uncorrectable & ~severe, a->uncorrectable, PCI_AER_NON_FATAL);
    count(a, correctable, a->correctable, PCI_AER_CORRECTED);
    if (heard | heard_correctable)
        tell(f, heard, heard_correctable, heard & severe, now_us);
}

void pci_aer_rest(const struct pci_function *f, bool rest)
{
    if (f->aer)
        f->aer->resting = rest;
}

static struct {
    uint64_t from_us;  /* the next round begins */
    uint64_t next_bdf; /* of this round */
} poll;

void pci_aer_reset(void)
{
    poll.from_us = poll.next_bdf = 0;
}

/* One function a call: a configuration access takes a microsecond and more. */
void pci_aer_poll(uint64_t now_us)
{
    if (now_us < poll.from_us)
        return;
    const struct pci_function *f = pci_first();
    while (f && (f->bdf < poll.next_bdf || !f->aer || f->aer->resting))
        f = f->next;
    if (f) {
        poll.next_bdf = f->bdf + 1ull;
        ask(f, now_us);
    } else {
        poll.next_bdf = 0;
        poll.from_us = now_us + POLL_US;
    }
}
