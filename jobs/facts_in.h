/* facts_in.h - what the files of facts share. jobs/facts*.c only. */
#pragma once
#include "jobs/facts.h"

/* What fits of it, never half a character: half of one would grow on its way through JSON. */
void facts_put_text(char *to, size_t size, const char *text, size_t len);
