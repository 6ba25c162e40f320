/* echo.c - who waits for answers (echo.h). */
#include "apps/ip/echo.h"

#include "kernel/time.h"

static struct echo *echoes;

void echo_begin(struct echo *e)
{
    static uint16_t last_id;
    e->request.id = ++last_id;
    e->next = echoes;
    echoes = e;
}

void echo_end(struct echo *e)
{
    struct echo **at = &echoes;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
}

void echo_answered(const struct echo_answer *answer)
{
    struct echo *e = echoes;
    while (e && (answer->id != e->request.id || answer->sequence != e->request.sequence))
        e = e->next;
    if (!e || e->answered)
        return;
    e->answer = *answer;
    e->answered_us = time_us();
    e->answered = true;
}
