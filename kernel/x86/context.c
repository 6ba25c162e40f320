/* context.c - stacks, and a switch between them (exception_entry.S). */
#include "kernel/context.h"

#include "kernel/compiler.h"
#include "kernel/console.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/task.h"

#include <errno.h>
#include <stdint.h>

#define STACK_SIZE (STACK_STRIDE - PAGE_SIZE)

void task_switch(uint64_t *save_sp, uint64_t load_sp);

static uint64_t loop_sp, context_sp[TASKS_MAX];

_Static_assert(TASKS_MAX <= STACK_PLACES_TASKS, "each has its place");

/* The lowest page of the place stays unmapped. */
static int make_stack(unsigned number)
{
    uint64_t bottom = stack_place_top(number) - STACK_SIZE;
    void *pages = page_alloc(STACK_SIZE, PAGE_SIZE, 0);
    if (!pages)
        return -ENOMEM;
    if (paging_map(bottom, (uintptr_t)pages, STACK_SIZE, PAGE_DATA)) {
        page_free(pages, STACK_SIZE); /* all have one table: nothing is mapped */
        return -ENOMEM;
    }
    return 0;
}

/* A stack as task_switch leaves one: six registers and where to go. */
int context_create(unsigned number, void (*start)(void))
{
    if (!context_sp[number] && make_stack(number))
        return -ENOMEM;
    uint64_t *sp = (uint64_t *)(uintptr_t)stack_place_top(number);
    *--sp = 0;                /* end of backtraces, and alignment: */
    *--sp = (uintptr_t)start; /* at entry rsp + 8 is a multiple of 16 */
    for (unsigned i = 0; i < 6; i++)
        *--sp = 0;
    context_sp[number] = (uintptr_t)sp;
    return 0;
}

void context_enter(unsigned number)
{
    task_switch(&loop_sp, context_sp[number]);
}

void context_leave(unsigned number)
{
    task_switch(&context_sp[number], loop_sp);
}

bool context_wait_outside(void)
{
    console_poll();
    return false;
}
