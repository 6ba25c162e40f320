/* context.c - tasks of a hosted program: ucontext, told to AddressSanitizer (kernel/context.h). */
#include "kernel/context.h"

#include "kernel/task.h"
#include "tests/host/host.h"

#include <errno.h>
#include <stdlib.h>
#include <ucontext.h>

#define STACK_SIZE (512u * 1024u) /* sanitizers want more than the machine has */

/* sanitizer/common_interface_defs.h; programs without a sanitizer have none of them. */
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size)
    __attribute__((weak));
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *size)
    __attribute__((weak));

struct context {
    ucontext_t place;
    void *stack;
    void *fake_stack;
    void (*start)(void);
};

static struct context contexts[TASKS_MAX];
static struct context loop;
static const void *loop_stack;
static size_t loop_stack_size;

static void arrive(struct context *here, const void **from, size_t *from_size)
{
    if (__sanitizer_finish_switch_fiber)
        __sanitizer_finish_switch_fiber(here->fake_stack, from, from_size);
}

static void begin(int number)
{
    arrive(&contexts[number], &loop_stack, &loop_stack_size);
    contexts[number].start();
}

int context_create(unsigned number, void (*start)(void))
{
    struct context *c = &contexts[number];
    if (!c->stack && !(c->stack = malloc(STACK_SIZE)))
        return -ENOMEM;
    getcontext(&c->place);
    c->place.uc_stack.ss_sp = c->stack;
    c->place.uc_stack.ss_size = STACK_SIZE;
    c->place.uc_link = NULL;
    c->fake_stack = NULL;
    c->start = start;
    makecontext(&c->place, (void (*)(void))begin, 1, (int)number);
    return 0;
}

void context_enter(unsigned number)
{
    struct context *c = &contexts[number];
    if (__sanitizer_start_switch_fiber)
        __sanitizer_start_switch_fiber(&loop.fake_stack, c->stack, STACK_SIZE);
    swapcontext(&loop.place, &c->place);
    arrive(&loop, NULL, NULL);
}

void context_leave(unsigned number)
{
    struct context *c = &contexts[number];
    host_advance_us(HOST_YIELD_US);
    if (__sanitizer_start_switch_fiber)
        __sanitizer_start_switch_fiber(&c->fake_stack, loop_stack, loop_stack_size);
    swapcontext(&c->place, &loop.place);
    arrive(c, &loop_stack, &loop_stack_size);
}
