/* registry.h - every operator a job file may name. */
#pragma once
#include "operators/operators.h"

/* In the order of the reference; NULL-terminated. */
const struct op_ops *const *registry_all(void);
/* NULL: no such type. */
const struct op_ops *registry_find(const char *name);
