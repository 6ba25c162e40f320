/* line_editor.h - bytes of a terminal in, a line out; it knows no device.
 *
 * What it writes is text, '\b' and BEL only (Ctrl-L and hiding apart), so it works on a
 * serial line of any width.  A byte that is neither text nor a key it knows is
 * kept in the line and shown as '?': the command then fails with one error
 * rather than running as something that nobody typed. */
#pragma once

#include "apps/console/command.h"

#define LINE_HISTORY_SIZE 4096u

enum line_event {
    LINE_EDITING,
    LINE_DONE,      /* editor->line is what was typed; begin the next with line_editor_start() */
    LINE_TOO_LONG,  /* Enter after more than fits; nothing of it is to be run */
    LINE_CANCELLED, /* Ctrl-C */
};

enum line_escape { ESCAPE_NONE, ESCAPE_SEEN, ESCAPE_CSI, ESCAPE_SS3 };

/* All members are the editor's; the caller reads line after LINE_DONE. */
struct line_editor {
    struct out *out;
    const char *prompt;
    char line[COMMAND_LINE_MAX];
    unsigned length, cursor;
    bool too_long;
    bool after_cr;          /* a LF now belongs to the CR */
    bool after_tab;         /* TAB found nothing to add: the next one lists */
    enum line_escape escape;
    unsigned parameter;     /* of the control sequence */
    /* Lines one after the other, each with its NUL; the oldest go first. */
    char history[LINE_HISTORY_SIZE];
    unsigned history_length;
    unsigned history_at;    /* start of the line shown; history_length: the new one */
    char typed[COMMAND_LINE_MAX];   /* the new line, while an old one is shown */
};

void line_editor_init(struct line_editor *e, struct out *out, const char *prompt);
void line_editor_start(struct line_editor *e);      /* empty line, prompt shown */
enum line_event line_editor_feed(struct line_editor *e, uint8_t byte);
/* For what others have to say in between: the line goes, and comes again below it. */
void line_editor_hide(struct line_editor *e);
void line_editor_show(struct line_editor *e);
