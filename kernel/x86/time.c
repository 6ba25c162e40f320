/* time.c - the TSC, and how fast it runs.
 *
 * Where neither CPU nor hypervisor tells, it is measured against another timer: roughly, in
 * a fraction of a millisecond, for the waits of the boot, and well at the boot's end,
 * over all that has passed since, or soon after.  Nothing waits for a better measure. */
#include "kernel/time.h"

#include "kernel/acpi.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/startup.h"

#define GUESS_CYCLES_PER_US 3000ull /* until it is known; only waits at boot use it */
#define GUESS_US_PER_CYCLE ((1ull << 32) / GUESS_CYCLES_PER_US)
#define PM_TIMER_HZ 3579545u  /* ACPI 6.6 4.8.3.3 */
#define PIT_HZ 1193182u       /* 8254: 14.31818 MHz / 12 */
#define CALIBRATION_US 50u    /* an interval; two must agree */
#define CALIBRATION_AGREE 16u /* to one part in; and the long one with both */
#define REFINE_US_MIN 1000u   /* shorter is not better than what is known */
#define CALIBRATION_TRIES 8u
#define CALIBRATION_SAMPLES 20000u /* of a timer that does not move */
#define SAMPLE_LOOKS 4u
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND 0x43
#define PIT_RATE_0 0x34  /* channel 0, low then high byte, mode 2: counts down, for ever */
#define PIT_LATCH_0 0x00 /* the next two reads give the count as it is now */

static uint64_t start_tsc, cycles_per_us = GUESS_CYCLES_PER_US;
static uint64_t us_per_cycle = GUESS_US_PER_CYCLE; /* 32.32 fixed point */
static const char *rate_source;                    /* who told the rate */
static uint64_t base_tsc, base_us; /* since when that counts, and what it was then */

uint64_t time_cycles(void)
{
    return rdtsc();
}

uint64_t time_cycles_per_us(void)
{
    return cycles_per_us;
}

uint64_t time_us_at(uint64_t cycles)
{
    return base_us + (uint64_t)((unsigned __int128)(cycles - base_tsc) * us_per_cycle >> 32);
}

uint64_t time_us(void)
{
    return time_us_at(rdtsc());
}

void time_delay_us(uint64_t us)
{
    struct deadline d = deadline_us(us + 1); /* the microsecond that runs is not whole */
    while (!deadline_passed(&d)) {
    }
}

bool deadline_passed(const struct deadline *d)
{
    cpu_relax();
    return time_us() >= d->end_us;
}

/* TSC frequency as the CPU or the hypervisor tells it, in Hz; 0: untold. */
static uint64_t told_hz(const char **source)
{
    struct cpuid max = cpuid(0, 0), hypervisor = cpuid(0x40000000, 0);
    bool guest = cpuid(1, 0).ecx >> 31;
    if (guest && hypervisor.eax >= 0x40000010 && hypervisor.eax < 0x40010000) {
        *source = "the hypervisor"; /* leaf 40000010h: TSC kHz (VMware, KVM) */
        if (cpuid(0x40000010, 0).eax)
            return cpuid(0x40000010, 0).eax * 1000ull;
    }
    if (max.eax >= 0x15) { /* unread: SDM vol. 2A, CPUID leaf 15h */
        struct cpuid r = cpuid(0x15, 0);
        *source = "CPUID";
        if (r.eax && r.ebx && r.ecx)
            return (uint64_t)r.ecx * r.ebx / r.eax;
    }
    return 0;
}

/* A timer that counts up through all bits of mask. */
struct timer {
    const char *name;
    uint32_t hz, mask;
    uint32_t (*read)(void);
};

struct sample {
    uint64_t tsc;
    uint32_t ticks;
};

static uint16_t pm_timer_port;

static uint32_t pm_timer_read(void)
{
    return pio_read32(pm_timer_port);
}

/* Channel 0, which nobody else uses here and which needs no gate: port 61h, the
 * gate of channel 2, is missing on microvm, where it read as "done" at once. */
static uint32_t pit_read(void)
{
    pio_write8(PIT_COMMAND, PIT_LATCH_0);
    uint32_t low = pio_read8(PIT_CHANNEL0);
    return 0u - (low | (uint32_t)pio_read8(PIT_CHANNEL0) << 8);
}

static void pit_start(void)
{
    pio_write8(PIT_COMMAND, PIT_RATE_0);
    pio_write8(PIT_CHANNEL0, 0); /* from 65536 */
    pio_write8(PIT_CHANNEL0, 0);
}

/* Both counters at one moment: of a few looks the tightest, because a
 * hypervisor may take the CPU away between two reads. */
static struct sample sample(const struct timer *t)
{
    struct sample best = { 0, 0 };
    uint64_t tightest = UINT64_MAX;
    for (unsigned i = 0; i < SAMPLE_LOOKS; i++) {
        uint64_t before = rdtsc();
        uint32_t ticks = t->read();
        uint64_t after = rdtsc();
        if (after - before < tightest) {
            tightest = after - before;
            best = (struct sample){ before + tightest / 2, ticks };
        }
    }
    return best;
}

/* Cycles per second over one short interval; 0: the timer stands still. */
static uint64_t measure_once(const struct timer *t)
{
    const uint32_t want = (uint32_t)((uint64_t)t->hz * CALIBRATION_US / US_PER_S);
    struct sample first = sample(t), last = first;
    for (unsigned i = 0; ((last.ticks - first.ticks) & t->mask) < want; i++) {
        if (i == CALIBRATION_SAMPLES)
            return 0;
        last = sample(t);
    }
    return (last.tsc - first.tsc) * t->hz / ((last.ticks - first.ticks) & t->mask);
}

/* Two intervals in a row must agree: an interruption as long as the timer's
 * period would count as nothing. */
static uint64_t measure(const struct timer *t)
{
    uint64_t before = measure_once(t);
    for (unsigned i = 0; before && i < CALIBRATION_TRIES; i++) {
        uint64_t now = measure_once(t);
        uint64_t apart = now > before ? now - before : before - now;
        if (apart < before / CALIBRATION_AGREE)
            return (now + before) / 2;
        before = now;
    }
    return 0;
}

static const struct timer pm = { "the ACPI timer", PM_TIMER_HZ, 0xffffff, pm_timer_read };
static const struct timer pit = { "the 8254", PIT_HZ, 0xffff, pit_read };

/* What the TSC was measured against, and where the long interval began; NULL: not measured. */
static const struct timer *reference;
static struct sample reference_start;

static uint64_t measure_against(const struct timer *t)
{
    uint64_t hz = measure(t);
    reference = hz ? t : NULL;
    if (hz)
        reference_start = sample(t);
    return hz;
}

static uint64_t measured_hz(const char **source)
{
    pm_timer_port = acpi_pm_timer_port();
    uint64_t hz = pm_timer_port ? measure_against(&pm) : 0;
    *source = pm.name;
    if (hz)
        return hz;
    *source = pit.name;
    pit_start();
    return measure_against(&pit);
}

/* From now on; what the clock shows at this moment is what the new rate makes of all that
 * passed since the first instruction, but never less than it showed. */
static void set_rate(uint64_t hz)
{
    uint64_t now = rdtsc(), shown = time_us();
    cycles_per_us = hz / US_PER_S;
    us_per_cycle = (uint64_t)(((unsigned __int128)US_PER_S << 32) / hz);
    base_us = (uint64_t)((unsigned __int128)(now - start_tsc) * us_per_cycle >> 32);
    base_us = base_us > shown ? base_us : shown;
    base_tsc = now;
}

void time_start(uint64_t tsc)
{
    start_tsc = base_tsc = tsc;
    base_us = 0;
    cycles_per_us = GUESS_CYCLES_PER_US;
    us_per_cycle = GUESS_US_PER_CYCLE;
    reference = NULL;
}

const char *time_init(void)
{
    const char *told;
    uint64_t hz = told_hz(&told);
    if (!hz)
        hz = measured_hz(&told);
    bool good = hz >= US_PER_S;
    if (good)
        set_rate(hz);
    rate_source = good ? told : "a guess";
    return rate_source;
}

const char *time_source(void)
{
    return rate_source;
}

/* A timer that may have gone round meanwhile tells nothing, nor does an interval that
 * disagrees with the rough measure: then another one begins. */
void time_settle(void)
{
    if (!reference || (rdtsc() - reference_start.tsc) / cycles_per_us < REFINE_US_MIN)
        return;
    struct sample end = sample(reference);
    uint64_t cycles = end.tsc - reference_start.tsc, us = cycles / cycles_per_us;
    uint32_t ticks = (end.ticks - reference_start.ticks) & reference->mask;
    bool whole = ticks && us < reference->mask / 2 * US_PER_S / reference->hz;
    uint64_t hz = whole ? cycles * reference->hz / ticks : 0, rough = cycles_per_us * US_PER_S;
    reference_start = end;
    if ((hz > rough ? hz - rough : rough - hz) < rough / CALIBRATION_AGREE) {
        set_rate(hz);
        log_debug("time: TSC at %lu kHz, by %s over %lu us", (unsigned long)(hz / 1000),
                  reference->name, (unsigned long)us);
        reference = NULL;
    }
}
