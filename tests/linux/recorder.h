/* recorder.h - writes down what passes through the mailboxes of the ixgbe model, in the form that
 * tests/data/mailbox/README.md tells. */
#pragma once

#include "tests/models/ixgbe_model.h"

#include <stdbool.h>

/* From now on, into this file; what is served has its registers already.  False: errno. */
bool recorder_open(struct ixgbe_model *m, const char *path);
/* A line of its own: what is done next, from outside. */
void recorder_mark(const char *text);
