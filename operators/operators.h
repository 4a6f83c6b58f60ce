/* operators.h - what a job file may name as "type": the tables that operators/registry.c lists.
 * Each is defined, last in its file, by the file of the same name. */
#pragma once
#include "runtime/operator.h"

/* sources */
extern const struct op_ops file_source_ops;
extern const struct op_ops generator_source_ops;
/* transforms */
extern const struct op_ops map_ops;
extern const struct op_ops filter_ops;
extern const struct op_ops flat_map_ops;
extern const struct op_ops keyed_sum_ops;
extern const struct op_ops union_ops;
/* sinks */
extern const struct op_ops file_sink_ops;
extern const struct op_ops print_sink_ops;
extern const struct op_ops blackhole_sink_ops;
