/* A filter that may be anything, and a frame that it is run on: what is accepted ends, reads
 * nothing outside the frame, and says the same of a frame in one piece and in several. */
#include "apps/capture/bpf.h"
#include "tests/fuzz/harness.h"
#include "tests/models/conformance.h"

#include <stdlib.h>
#include <string.h>

#define PACKETS 64u

/* As text, or as the bytes of instructions, which reaches further. */
static bool take_program(const uint8_t *data, size_t size, struct bpf_program *program)
{
    char *text = malloc(size + 1);
    unsigned at;
    memcpy(text, data, size);
    text[size] = 0;
    bool good = !bpf_parse(text, program);
    free(text);
    if (good)
        must(!bpf_verify(program, &at));
    if (good)
        return true;
    program->count = (unsigned)(size / 8 < 32 ? size / 8 : 32);
    memcpy(program->instruction, data, program->count * 8);
    for (unsigned i = 0; i < program->count; i++)
        program->instruction[i].code &= 0x00ff;
    return !bpf_verify(program, &at);
}

static uint32_t run_on(const struct bpf_program *program, struct packet_cache *cache,
                       const uint8_t *frame, uint32_t length, uint32_t segment)
{
    struct packet *p = conformance_packet(cache, frame, length, segment);
    must(p);
    uint32_t wanted = bpf_run(program, p);
    packet_free(cache, p);
    return wanted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct packet_pool *pool;
    static struct packet_cache cache;
    struct bpf_program program;
    const uint8_t *end = memchr(data, 0, size);
    size_t text = end ? (size_t)(end - data) : size;
    uint8_t frame[512] = { 0 };
    if (!pool) {
        pool = packet_pool_create(PACKETS);
        packet_cache_init(&cache, pool);
    }
    if (!take_program(data, text ? text : size, &program))
        return 0;
    size_t n = size - text < sizeof frame ? size - text : sizeof frame;
    if (n)
        memcpy(frame, data + text, n);
    uint32_t length = n < 14 ? 14 : (uint32_t)n;
    must(run_on(&program, &cache, frame, length, PACKET_ROOM) ==
         run_on(&program, &cache, frame, length, 128));
    packet_cache_flush(&cache);
    return 0;
}
