/* registry.c - see registry.h. */
#include "operators/registry.h"

static const struct op_ops *const all[] = {
	&file_source_ops, &generator_source_ops,                      /* sources */
	&map_ops,         &filter_ops,           &flat_map_ops,       /* transforms */
	&keyed_sum_ops,   &union_ops,                                 /* aggregates, joints */
	&file_sink_ops,   &print_sink_ops,       &blackhole_sink_ops, /* sinks */
	NULL,
};

const struct op_ops *const *registry_all(void)
{
	return all;
}

const struct op_ops *registry_find(const char *name)
{
	for (const struct op_ops *const *o = all; *o; o++)
		if (!strcmp((*o)->name, name))
			return *o;
	return NULL;
}
