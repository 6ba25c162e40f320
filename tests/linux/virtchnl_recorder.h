/* virtchnl_recorder.h - what VFs and their PF say to each other by virtchnl, as lines of text.
 *
 * tests/data/virtchnl/README.md has the form. */
#pragma once

#include "tests/models/iavf_model.h"

#include <stdbool.h>

/* False: the file cannot be made. */
bool virtchnl_recorder_open(const char *path);
/* From now on what this one says and hears is written down. */
void virtchnl_recorder_hear(struct iavf_model *vf);
/* A line of its own. */
void virtchnl_recorder_mark(const char *text);
