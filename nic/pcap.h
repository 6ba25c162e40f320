/* pcap.h - ports over capture files: they receive what a file holds, and write what they send into
 * memory. */
#pragma once

#include "nic/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where sent frames go; made by the caller, who sees to it that it stays as long as the port.  What
 * lies below `size` is whole, and stays. */
struct pcap_memory {
    uint8_t *bytes;
    size_t capacity;
    size_t size; /* the worker that sends writes, others read */
};

enum pcap_pace { PCAP_FLAT_OUT, PCAP_RATE, PCAP_ORIGINAL };

struct pcap_options {
    const void *file; /* received from: a file that pcap_check() takes; NULL: nothing is received */
    size_t size;
    bool loop; /* from the beginning again, for ever */
    enum pcap_pace pace;
    uint64_t rate;              /* of PCAP_RATE: frames a second */
    struct pcap_memory *memory; /* NULL: what is sent is thrown away */
};

/* `number` as for port_register_at().  -EINVAL: the file is refused. */
int pcap_port_create(unsigned number, const struct pcap_options *options, struct port **port);
const struct pcap_options *pcap_port_options(const struct port *port);
/* For who owns the memory: called with it when the port goes. */
void pcap_port_on_end(struct port *port, void (*fn)(void *arg), void *arg);
void *pcap_port_end_arg(const struct port *port);
