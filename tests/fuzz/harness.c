/* harness.c - see harness.h. */
#include "tests/fuzz/harness.h"

#include "pci/pci.h"
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

/* AddressSanitizer's quarantine of freed memory is more than an input frees, and small enough to
 * stay in the CPU's cache: with the usual 256 MiB each allocation is a fresh page, whose fault
 * costs more than the input. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:thread_local_quarantine_size_kb=256:malloc_context_size=12";
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    host_reset();
    return 0;
}

uint64_t take_value(struct input *in, size_t n)
{
    uint64_t value = 0;
    n = n < in->size ? n : in->size;
    memcpy(&value, in->data, n);
    in->data += n;
    in->size -= n;
    return value;
}

void must(bool holds)
{
    if (!holds)
        abort();
}

void check_frame(const struct port *port, const struct packet *first)
{
    uint32_t bytes = 0, segments = 0, verdict = PACKET_IP_CHECKSUM_GOOD | PACKET_IP_CHECKSUM_BAD;
    for (const struct packet *p = first; p; p = p->next) {
        must(p->data >= p->buffer && p->data + p->length <= p->buffer + PACKET_BUFFER_SIZE);
        bytes += p->length;
        segments++;
    }
    must(bytes == first->frame_length && segments <= FRAME_SEGMENTS_MAX);
    must(bytes >= FRAME_MIN && bytes <= port_frame_limit(port));
    must(!first->next || first->length >= PACKET_HEADER_MIN);
    must(!(first->flags & ~(verdict | PACKET_VLAN)) && (first->flags & verdict) != verdict);
}

void harness_end(void)
{
    for (unsigned i = 0; i < port_count(); i++)
        must(!port_get(i));
    port_reset_registry();
    pci_reset();
    host_reset();
    must(!host_pages());
}
