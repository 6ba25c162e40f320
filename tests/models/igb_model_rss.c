/* igb_model_rss.c - what the igb model's receiver sees in a frame (intel_seen.h), as its registers
 * ask for it. */
#include "tests/models/igb_model_internal.h"
#include "tests/models/intel_seen.h"

unsigned igb_model_packet_type(const struct igb_frame *f)
{
    return intel_seen_type(f->bytes, f->length);
}

uint32_t igb_model_checksum_status(const struct igb_model *m, const struct igb_frame *f)
{
    uint32_t rxcsum = igb_get(m, R_RXCSUM);
    return intel_seen_checksums(f->bytes, f->length, rxcsum & RXCSUM_IP, rxcsum & RXCSUM_L4);
}

uint32_t igb_model_rss_hash(const uint8_t key[40], uint32_t mrqc, const uint8_t *frame,
                            uint32_t length, unsigned *type)
{
    return intel_seen_hash(key, mrqc, frame, length, type);
}

/* RSSRK: the key's first byte is the first register's lowest. */
void igb_model_rss_key(const struct igb_model *m, uint8_t key[40])
{
    for (uint32_t i = 0; i < 40; i++)
        key[i] = (uint8_t)(igb_get(m, R_RSSRK(i / 4)) >> 8 * (i % 4));
}
