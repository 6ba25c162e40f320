/* intel_counters.c - statistics that reading clears: which, and what they add to (intel_device.h).
 *
 * Documents: 8254x SDM 13.7; of the others 82576 DS 8.19.  unread in this file: 82576 DS. */
#include "nic/intel/intel_device.h"

#define OLD INTEL_COUNTS_8254X
#define NEW INTEL_COUNTS_82576
#define ALL (OLD | NEW)

/* Each frame that a device refused is in exactly one of the four receive errors by their
 * definitions: bad CRC, or short or long with a good or, short, a bad one.  The others overlap
 * with these and are shown only. */
const struct intel_counter intel_counters[] = {
    { "CRCERRS", 0x4000, ALL, INTEL_RX_ERRORS }, /* 13.7.1: 64 bytes or more with a bad CRC */
    { "ALGNERRC", 0x4004, ALL, INTEL_SHOWN },    /* 13.7.2: no whole number of bytes */
    { "RXERRC", 0x400c, ALL, INTEL_SHOWN },      /* 13.7.4: the PHY signalled an error */
    { "MPC", 0x4010, ALL, INTEL_RX_MISSED },     /* 13.7.5: missed, the receive FIFO was full */
    { "SCC", 0x4014, NEW, INTEL_SHOWN },         /* sent after one collision */
    { "ECOL", 0x4018, ALL, INTEL_TX_ERRORS },    /* 13.7.7: given up after 16 collisions */
    { "MCC", 0x401c, NEW, INTEL_SHOWN },         /* sent after several collisions */
    { "LATECOL", 0x4020, ALL, INTEL_TX_ERRORS }, /* 13.7.9: collision after 64 byte times */
    { "COLC", 0x4028, NEW, INTEL_SHOWN },        /* collisions */
    { "DC", 0x4030, NEW, INTEL_SHOWN },          /* deferred */
    { "TNCRS", 0x4034, NEW, INTEL_SHOWN },       /* sent without carrier */
    /* 13.7.15: undersized or oversized; 82576: length and type field disagree with the length */
    { "RLEC", 0x4040, ALL, INTEL_SHOWN },
    { "XONRXC", 0x4048, NEW, INTEL_SHOWN },  /* XON received */
    { "XONTXC", 0x404c, NEW, INTEL_SHOWN },  /* XON sent */
    { "XOFFRXC", 0x4050, NEW, INTEL_SHOWN }, /* XOFF received */
    { "XOFFTXC", 0x4054, NEW, INTEL_SHOWN }, /* XOFF sent */
    { "PRC64", 0x405c, NEW, INTEL_SHOWN },   /* good packets received, by length: 64 */
    { "PRC127", 0x4060, NEW, INTEL_SHOWN },  /* to 127 */
    { "PRC255", 0x4064, NEW, INTEL_SHOWN },  /* to 255 */
    { "PRC511", 0x4068, NEW, INTEL_SHOWN },  /* to 511 */
    { "PRC1023", 0x406c, NEW, INTEL_SHOWN }, /* to 1023 */
    { "PRC1522", 0x4070, NEW, INTEL_SHOWN }, /* longer */
    { "GPRC", 0x4074, ALL, INTEL_SHOWN },    /* 13.7.27: good packets received */
    { "BPRC", 0x4078, ALL, INTEL_SHOWN },    /* 13.7.28: of these, broadcast */
    { "MPRC", 0x407c, ALL, INTEL_SHOWN },    /* 13.7.29: of these, multicast */
    { "GPTC", 0x4080, ALL, INTEL_SHOWN },    /* 13.7.30: good packets transmitted */
    { "RNBC", 0x40a0, NEW, INTEL_SHOWN }, /* no buffer; the FIFO may still have held the packet */
    { "RUC", 0x40a4, ALL, INTEL_RX_ERRORS }, /* 13.7.34: undersized, good CRC */
    { "RFC", 0x40a8, ALL, INTEL_RX_ERRORS }, /* 13.7.35: undersized, bad CRC */
    { "ROC", 0x40ac, ALL, INTEL_RX_ERRORS }, /* 13.7.36: oversized, good CRC */
    { "RJC", 0x40b0, ALL, INTEL_SHOWN },     /* 13.7.37: oversized, bad CRC */
    { "MGTPRC", 0x40b4, NEW, INTEL_SHOWN },  /* management's: received */
    { "MGTPDC", 0x40b8, NEW, INTEL_SHOWN },  /* dropped */
    { "MGTPTC", 0x40bc, NEW, INTEL_SHOWN },  /* transmitted */
    { "TPR", 0x40d0, NEW, INTEL_SHOWN },     /* packets received, good or bad, ours or not */
    { "TPT", 0x40d4, NEW, INTEL_SHOWN },     /* packets transmitted */
    { "PTC64", 0x40d8, NEW, INTEL_SHOWN },   /* packets transmitted, by length: 64 */
    { "PTC127", 0x40dc, NEW, INTEL_SHOWN },  /* to 127 */
    { "PTC255", 0x40e0, NEW, INTEL_SHOWN },  /* to 255 */
    { "PTC511", 0x40e4, NEW, INTEL_SHOWN },  /* to 511 */
    { "PTC1023", 0x40e8, NEW, INTEL_SHOWN }, /* to 1023 */
    { "PTC1522", 0x40ec, NEW, INTEL_SHOWN }, /* longer */
    { "MPTC", 0x40f0, NEW, INTEL_SHOWN },    /* transmitted, multicast */
    { "BPTC", 0x40f4, NEW, INTEL_SHOWN },    /* transmitted, broadcast */
    { "GORC", 0x4088, ALL, INTEL_WIDE },     /* 13.7.31: good octets received, FCS included */
    { "GOTC", 0x4090, ALL, INTEL_WIDE },     /* 13.7.32: good octets transmitted, FCS included */
    { "TOR", 0x40c0, NEW, INTEL_WIDE },      /* octets received */
    { "TOT", 0x40c8, NEW, INTEL_WIDE },      /* octets transmitted */
    { 0 },
};

_Static_assert(ARRAY_SIZE(intel_counters) <= INTEL_COUNTERS_MAX, "struct intel_device holds them");

/* The next one from i on that this chip has; NULL: no more. */
static const struct intel_counter *next_counter(const struct intel_device *d, unsigned *i)
{
    const struct intel_counter *table = d->chip->counters;
    while (table[*i].name && !(table[*i].chips & d->chip->counts))
        ++*i;
    return table[*i].name ? &table[*i] : NULL;
}

void intel_counters_collect(struct intel_device *d)
{
    const struct intel_counter *c;
    if (!intel_answers(d))
        return;
    for (unsigned i = 0; (c = next_counter(d, &i)); i++) {
        uint32_t low = intel_read(d, c->offset);
        d->counters[i] +=
            c->adds == INTEL_WIDE ? (uint64_t)intel_read(d, c->offset + 4u) << 32 | low : low;
    }
}

void intel_counters_forget(struct intel_device *d)
{
    intel_counters_collect(d);
    for (unsigned i = 0; i < INTEL_COUNTERS_MAX; i++)
        d->counters[i] = 0;
}

void intel_counters_stats(const struct intel_device *d, struct port_device_stats *stats)
{
    uint64_t sums[INTEL_SUMS] = { 0 };
    const struct intel_counter *c;
    for (unsigned i = 0; (c = next_counter(d, &i)); i++)
        sums[c->adds] += d->counters[i];
    *stats = (struct port_device_stats){ .rx_missed = sums[INTEL_RX_MISSED],
                                         .rx_errors = sums[INTEL_RX_ERRORS],
                                         .tx_errors = sums[INTEL_TX_ERRORS] };
}

unsigned intel_counters_rows(const struct intel_device *d, struct port_counter *rows, unsigned i,
                             unsigned n)
{
    const struct intel_counter *c;
    for (unsigned k = 0; i < n && (c = next_counter(d, &k)); k++)
        rows[i++] = (struct port_counter){ .name = c->name, .value = d->counters[k] };
    return i;
}
