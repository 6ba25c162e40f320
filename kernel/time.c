/* time.c - the TSC, and how fast it runs. */
#include "kernel/time.h"

#include "kernel/acpi.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/startup.h"

#define GUESS_CYCLES_PER_US 3000ull /* until it is known; only waits at boot use it */
#define PM_TIMER_HZ 3579545u        /* ACPI 6.5, 4.8.2.1 */
#define PIT_HZ 1193182u             /* 8254: 14.31818 MHz / 12 */
#define CALIBRATION_US 1000u
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND 0x43
#define PIT_RATE_0 0x34  /* channel 0, low then high byte, mode 2: counts down, for ever */
#define PIT_LATCH_0 0x00 /* the next two reads give the count as it is now */
#define PIT_SPINS 50000u /* looks at a counter that does not move: three accesses each */
#define CALIBRATION_SPINS 1000000u /* reads of a timer that does not move */

static uint64_t start_tsc, cycles_per_us = GUESS_CYCLES_PER_US;
static uint64_t us_per_cycle = (1ull << 32) / GUESS_CYCLES_PER_US; /* 32.32 fixed point */

uint64_t time_cycles(void)
{
    return rdtsc();
}

uint64_t time_cycles_per_us(void)
{
    return cycles_per_us;
}

uint64_t time_us(void)
{
    return (uint64_t)((unsigned __int128)(rdtsc() - start_tsc) * us_per_cycle >> 32);
}

void time_delay_us(uint64_t us)
{
    struct deadline d = deadline_us(us);
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
    if (max.eax >= 0x15) { /* SDM vol. 2A, CPUID leaf 15h */
        struct cpuid r = cpuid(0x15, 0);
        *source = "CPUID";
        if (r.eax && r.ebx && r.ecx)
            return (uint64_t)r.ecx * r.ebx / r.eax;
    }
    return 0;
}

/* Cycles per second against the ACPI timer, 24 or 32 bits wide; 0: it stands still. */
static uint64_t pm_timer_hz(uint16_t port)
{
    const uint32_t mask = 0xffffff, want = PM_TIMER_HZ / 1000 * CALIBRATION_US / 1000;
    uint32_t first = pio_read32(port), ticks = 0;
    uint64_t begin = rdtsc();
    for (unsigned spins = 0; ticks < want; spins++) {
        if (spins == CALIBRATION_SPINS)
            return 0;
        ticks = (pio_read32(port) - first) & mask;
    }
    return (rdtsc() - begin) * PM_TIMER_HZ / ticks;
}

static uint16_t pit_count(void)
{
    pio_write8(PIT_COMMAND, PIT_LATCH_0);
    uint8_t low = pio_read8(PIT_CHANNEL0);
    return (uint16_t)(low | pio_read8(PIT_CHANNEL0) << 8);
}

/* Cycles per second against channel 0, which nobody else uses here and which
 * needs no gate: port 61h, the gate of channel 2, is missing on microvm, where
 * it read as "done" at once.  0: it stands still. */
static uint64_t pit_hz(void)
{
    const uint16_t want = PIT_HZ / 1000 * CALIBRATION_US / 1000;
    uint16_t ticks = 0;
    pio_write8(PIT_COMMAND, PIT_RATE_0);
    pio_write8(PIT_CHANNEL0, 0); /* from 65536 */
    pio_write8(PIT_CHANNEL0, 0);
    uint16_t first = pit_count();
    uint64_t begin = rdtsc();
    for (unsigned spins = 0; ticks < want; spins++) {
        if (spins == PIT_SPINS)
            return 0;
        ticks = (uint16_t)(first - pit_count());
    }
    return (rdtsc() - begin) * PIT_HZ / ticks;
}

void time_start(uint64_t tsc)
{
    start_tsc = tsc;
}

const char *time_init(void)
{
    const char *source = NULL;
    uint16_t port = acpi_pm_timer_port();
    uint64_t hz = told_hz(&source);
    if (!hz && port) {
        source = "the ACPI timer";
        hz = pm_timer_hz(port);
    }
    if (!hz) {
        source = "the 8254";
        hz = pit_hz();
    }
    if (hz < US_PER_S)
        return "a guess";
    cycles_per_us = hz / US_PER_S;
    us_per_cycle = (uint64_t)(((unsigned __int128)US_PER_S << 32) / hz);
    return source;
}
