/* harness.c - see harness.h. */
#include "tests/fuzz/harness.h"

#include "apps/console/command.h"
#include "apps/console/match.h"
#include "pci/pci.h"
#include "tests/host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* AddressSanitizer's quarantine of freed memory is more than an input frees, and small enough to
 * stay in the CPU's cache: with the usual 256 MiB each allocation is a fresh page, whose fault
 * costs more than the input.  Who allocated and freed what a report is about is told by one more
 * run of the input, with ASAN_OPTIONS=malloc_context_size=30. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:thread_local_quarantine_size_kb=256:malloc_context_size=1"
           ":allocator_release_to_os_interval_ms=-1";
}

/* Twice the same ------------------------------------------------------------------ */

int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __real_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of all that is compiled with coverage: how often each edge was passed in this input (libFuzzer
 * clears that before each), and where it is. */
extern uint8_t __start___sancov_cntrs[], __stop___sancov_cntrs[];
extern const struct {
    uintptr_t pc, flags;
} __start___sancov_pcs[];
void __sanitizer_symbolize_pc(uintptr_t pc, const char *format, char *to, size_t size);

static uint8_t *passed;   /* NULL: inputs are not repeated */
static uint64_t outcomes; /* of this input, a sum of hashes; 0: none */

void outcome(const void *bytes, size_t n)
{
    const uint8_t *b = bytes;
    uint64_t hash = n + 1;
    if (!passed)
        return;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ b[i]) * 0x100000001b3ull;
    outcomes += hash;
}

static size_t edges(void)
{
    return (size_t)(__stop___sancov_cntrs - __start___sancov_cntrs);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    host_reset();
    if (!getenv("FUZZ_TWICE"))
        return 0;
    passed = malloc(edges());
    return 0;
}

static void tell_differences(void)
{
    char where[256];
    for (size_t i = 0; i < edges(); i++) {
        if (passed[i] == __start___sancov_cntrs[i])
            continue;
        __sanitizer_symbolize_pc(__start___sancov_pcs[i].pc + 1, "%f %S", where, sizeof where);
        fprintf(stderr, "differs: %3u times, then %3u: %s\n", passed[i], __start___sancov_cntrs[i],
                where);
    }
}

static void run_counted(const uint8_t *data, size_t size)
{
    memset(__start___sancov_cntrs, 0, edges());
    outcomes = 0;
    host_set_random(0);
    __real_LLVMFuzzerTestOneInput(data, size);
}

/* Behind the input that came before, and behind itself, and both go the same way: what an input
 * left behind shows where it makes a difference.  Once before, for tables that only grow. */
static void run_twice(const uint8_t *data, size_t size)
{
    static uint8_t *before;
    static size_t before_size;
    run_counted(data, size);
    run_counted(before ? before : (const uint8_t *)"", before_size);
    run_counted(data, size);
    memcpy(passed, __start___sancov_cntrs, edges());
    uint64_t first = outcomes;
    run_counted(data, size);
    if (first || outcomes ? first != outcomes : memcmp(passed, __start___sancov_cntrs, edges())) {
        tell_differences();
        abort();
    }
    before = realloc(before, size + 1);
    before_size = size;
    if (size)
        memcpy(before, data, size);
}

/* The linker puts this in front of the harness's own. */
int __wrap_LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    host_set_random(0);
    if (!passed)
        return __real_LLVMFuzzerTestOneInput(data, size);
    run_twice(data, size);
    return 0;
}

/* ------------------------------------------------------------------------------------ */

uint64_t take_value(struct input *in, size_t n)
{
    uint64_t value = 0;
    n = n < in->size ? n : in->size;
    if (n)
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

/* A line that was said before. */
static struct said {
    struct said *next;
    const char *line;
    const struct command *row;
    struct words words;
} * said[256];

static void ignore(struct out *out, const char *text, size_t n) {}

static struct said *find_said(const char *line)
{
    unsigned hash = 0;
    for (const char *c = line; *c; c++)
        hash = hash * 31 + (uint8_t)*c;
    struct said **at = &said[hash % ARRAY_SIZE(said)];
    while (*at && strcmp((*at)->line, line))
        at = &(*at)->next;
    if (*at)
        return *at;
    struct said *s = calloc(1, sizeof *s);
    s->line = strdup(line);
    *at = s;
    words_split(&s->words, line, strlen(line));
    return s;
}

void say(const char *line)
{
    struct out out = { .write = ignore };
    struct command_call call = { .out = &out };
    struct said *s = find_said(line);
    if (!s->row && command_understand(&call, &s->words))
        return; /* it names what is not there now */
    call.row = s->row = s->row ? s->row : call.row;
    command_run_row(&call, &s->words);
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
    must(first->interface == PACKET_INTERFACE_NONE);
    must(!(first->flags & ~(verdict | PACKET_VLAN | PACKET_HASH)) &&
         (first->flags & verdict) != verdict);
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
