/* step.h - `weir run --step`: one event a key press. The exit code. */
#pragma once
#include "cli/cli.h"

int step_job(struct cli *c, const struct args *a);
